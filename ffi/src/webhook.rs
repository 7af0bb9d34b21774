//! Clio's webhooks: what came over HTTP goes in as it came, and the reply comes out.

use core::ffi::c_char;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use casehug_clio::ports::Headers;
use casehug_clio::{Code, Error, Result};
use serde_json::json;

use crate::entry::answer;
use crate::handle::{self, casehug_clio_sdk};
use crate::text::{Misuse, casehug_clio_str, list};

/// More than any server lets through.
const MOST_HEADERS: usize = 1000;

/// A header of an HTTP request, as it came.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct casehug_clio_header {
    /// Its name, in any case.
    pub name: casehug_clio_str,
    /// Its value.
    pub value: casehug_clio_str,
}

/// Takes in what Clio posted below `webhook_url`: the last segment of the path (`token`), all
/// headers and the raw body, as they came; bytes that are not UTF-8 are allowed. `out`:
/// `{"status","headers":[{"name","value"}]}`, the reply to send, without a body. Answers after one
/// durable commit; a worker applies it. Whatever Clio or somebody else posted, the status of this
/// function is `CASEHUG_CLIO_OK`; more than 1,000 headers alone are
/// `CASEHUG_CLIO_SETTING_INVALID`, which a server answers with 431 or 400. `out` may hold the secret
/// of a handshake: never log it. `CASEHUG_CLIO_CANCELLED`: its ticket was cancelled; without a reply
/// Clio delivers again.
///
/// # Safety
/// Pointers are NULL or valid as the header describes them.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "C has no slices")]
pub unsafe extern "C" fn casehug_clio_handle_webhook(
    sdk: *mut casehug_clio_sdk,
    token: casehug_clio_str,
    headers: *const casehug_clio_header,
    header_count: usize,
    body: *const u8,
    body_length: usize,
    out: *mut *mut c_char,
    error: *mut *mut c_char,
) -> i32 {
    let work = || {
        let open = handle::call(sdk)?;
        if header_count > MOST_HEADERS {
            return Err(Misuse::WrongSize.of("header_count"));
        }
        // SAFETY: readable by the caller's promise.
        let (token, posted, body) = unsafe {
            (lossy(token, "token")?, list(headers, header_count, "headers")?, list(body, body_length, "body")?)
        };
        let mut headers = Headers::new();
        for header in posted {
            // SAFETY: as above.
            let (name, value) = unsafe { (lossy(header.name, "headers")?, lossy(header.value, "headers")?) };
            headers.push(&name, value);
        }
        let reply = open.run(async {
            let (mut taken, mut cancelled) =
                (pin!(open.sdk().handle_webhook(&token, &headers, body)), pin!(open.cancelled()));
            // What was committed by then is known when Clio delivers it again.
            let both = poll_fn(|cx| match cancelled.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Err(Error::from(Code::Cancelled))),
                Poll::Pending => taken.as_mut().poll(cx).map(Ok),
            });
            both.await
        })?;
        let headers = reply.headers.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        Ok(Some(json!({ "status": reply.status, "headers": headers.collect::<Vec<_>>() }).to_string()))
    };
    // SAFETY: `out` and `error` are NULL or writable by the caller's promise.
    unsafe { answer(work, out, error) }
}

/// Text from the network. What is not UTF-8 is no token and no header that means anything.
///
/// # Safety
/// `text.data` is NULL or points to `text.len` readable bytes.
unsafe fn lossy(text: casehug_clio_str, name: &'static str) -> Result<String> {
    // SAFETY: by this function's own contract.
    let bytes = unsafe { list(text.data.cast::<u8>(), text.len, name) }?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}
