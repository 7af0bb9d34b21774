//! Keys of the host, which may be a KMS: it wraps and unwraps data keys, and its root key never
//! comes here.

use core::ffi::c_void;
use core::slice;

use casehug_clio::ports::{BoxFuture, DataKey, KeyProvider, SealContext, WrappedKey};
use casehug_clio::{Code, Error, Result};

use crate::host::{Functions, Host, OK, copy};
use crate::text::{Owned, casehug_clio_str};

/// Bytes of a data key.
const KEY: usize = 32;
/// No wrapped key of a KMS is as large.
const LARGEST_BLOB: usize = 64 * 1024;

/// Takes what `wrap` made. Valid during the callback only.
#[derive(Debug, Default)]
pub struct casehug_clio_wrapped {
    key: Option<WrappedKey>,
    wrong: Option<&'static str>,
}

/// Keys of the host. Functions are called on threads of the SDK, several at once. They answer 1 for
/// success, and anything else for a failure. No exception may leave a function.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct casehug_clio_keys {
    /// `sizeof(casehug_clio_keys)`.
    pub size: usize,
    /// Passed to every function.
    pub context: *mut c_void,
    /// Wraps the 32 bytes at `key` with the current root key, bound to `associated` (AAD, or the
    /// encryption context of a KMS), and hands the result to `casehug_clio_wrapped_set`. `key` is
    /// secret: wipe your copies. `associated` is `len` bytes, many of them NUL: who takes it for a
    /// C string binds nothing, and a wrapped key of one firm opens as another's. A KMS that wants
    /// text gets all of it as hexadecimal digits or base64. `casehug_clio_check_keys` finds that.
    pub wrap: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            key: *const u8,
            associated: casehug_clio_str,
            into: *mut casehug_clio_wrapped,
        ) -> i32,
    >,
    /// Unwraps what `wrap` made under the root key `key_id`, also an earlier one, into the 32 bytes
    /// at `key`. MUST fail if `associated` is not what it was then.
    pub unwrap: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            key_id: casehug_clio_str,
            blob: *const u8,
            blob_length: usize,
            associated: casehug_clio_str,
            key: *mut u8,
        ) -> i32,
    >,
    /// May be NULL. Called once, when the SDK will never call the others again: at close, and also
    /// when opening failed or was refused.
    pub release: Option<unsafe extern "C" fn(context: *mut c_void)>,
}

impl Functions for casehug_clio_keys {
    const NAME: &'static str = "keys";

    fn is_whole(&self) -> bool {
        self.wrap.is_some() && self.unwrap.is_some()
    }

    fn context(&self) -> *mut c_void {
        self.context
    }

    fn release(&self) -> Option<unsafe extern "C" fn(*mut c_void)> {
        self.release
    }
}

/// Hands over a wrapped key; everything is copied. `key_id` names the root key (1 to 128 bytes of
/// `A-Z a-z 0-9 _ - . :`), `blob` is at most 64 KiB. Answers 1, or 0 if it cannot be used; `wrap`
/// then counts as failed.
///
/// # Safety
/// `into` is what the callback was given; texts and `blob` are NULL or readable for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_wrapped_set(
    into: *mut casehug_clio_wrapped,
    key_id: casehug_clio_str,
    blob: *const u8,
    blob_length: usize,
) -> i32 {
    // SAFETY: NULL, or the sink of the callback that is running on this thread.
    let Some(into) = (unsafe { into.as_mut() }) else { return 0 };
    // SAFETY: readable by the caller's promise.
    let key_id = unsafe { copy(key_id) };
    match key_id {
        Ok(Some(key_id)) if !blob.is_null() && (1..=LARGEST_BLOB).contains(&blob_length) => {
            // SAFETY: not null, and readable by the caller's promise.
            let blob = unsafe { slice::from_raw_parts(blob, blob_length) }.to_vec();
            into.key = Some(WrappedKey { key_id, blob });
        }
        Ok(Some(_)) => into.wrong = Some("blob"),
        Ok(None) | Err(_) => into.wrong = Some("key_id"),
    }
    i32::from(into.wrong.is_none())
}

fn failed(reason: &'static str) -> Error {
    Error::new(Code::KeyFailed).with("reason", reason)
}

/// The AAD as the host gets it: bytes, of which some are NUL.
struct Associated(Vec<u8>);

impl Associated {
    fn view(&self) -> casehug_clio_str {
        casehug_clio_str { data: self.0.as_ptr().cast(), len: self.0.len() }
    }
}

/// The [`KeyProvider`] port over a host's functions.
#[derive(Clone, Debug)]
pub(crate) struct HostKeys(pub Host<casehug_clio_keys>);

impl KeyProvider for HostKeys {
    fn wrap<'a>(&'a self, key: &'a DataKey, context: &'a SealContext) -> BoxFuture<'a, Result<WrappedKey>> {
        let (key, associated) = (key.clone(), Associated(context.associated_data()));
        Box::pin(self.0.on_pool(failed, move |keys| {
            let wrap = keys.wrap.ok_or_else(|| failed("no_function"))?;
            let mut sink = casehug_clio_wrapped::default();
            // SAFETY: the host's function; key, text and sink live until it returns.
            let answer = unsafe { wrap(keys.context, key.0.as_ptr(), associated.view(), &raw mut sink) };
            match (answer, sink.key, sink.wrong) {
                (OK, Some(key), None) => Ok(key),
                (OK, _, wrong) => Err(failed("callback_answer").with("field", wrong.unwrap_or("blob"))),
                (answer, ..) => Err(failed("callback_failed").with("answer", answer)),
            }
        }))
    }

    fn unwrap<'a>(&'a self, wrapped: &'a WrappedKey, context: &'a SealContext) -> BoxFuture<'a, Result<DataKey>> {
        let (wrapped, associated) = (wrapped.clone(), Associated(context.associated_data()));
        Box::pin(self.0.on_pool(failed, move |keys| {
            let unwrap = keys.unwrap.ok_or_else(|| failed("no_function"))?;
            let (key_id, blob, mut key) = (Owned::new(&wrapped.key_id), &wrapped.blob, DataKey([0; KEY]));
            // SAFETY: the host's function; everything lives until it returns, and `key` has 32
            // bytes.
            let answer = unsafe {
                let (id, into) = (key_id.view(), key.0.as_mut_ptr());
                unwrap(keys.context, id, blob.as_ptr(), blob.len(), associated.view(), into)
            };
            match answer {
                OK if key.0 != [0; KEY] => Ok(key),
                OK => Err(failed("callback_answer").with("field", "key")),
                answer => Err(failed("callback_failed").with("answer", answer)),
            }
        }))
    }
}
