//! Sealed tokens in the host's own vault.

use core::ffi::c_void;

use casehug_clio::ports::{BoxFuture, SealedTokens, Swap, TokenStore, Version};
use casehug_clio::{Code, ConnectionId, Error, FirmId, Result};

use crate::host::{CONFLICT, Functions, Host, OK, copy};
use crate::text::{Owned, casehug_clio_str};

/// Takes what `load` found. Valid during the callback only.
#[derive(Debug, Default)]
pub struct casehug_clio_tokens_answer {
    found: Option<SealedTokens>,
    wrong: Option<&'static str>,
}

/// A vault of the host: one sealed envelope for each connection, beside the store. It never sees a
/// token in plain. Functions are called on threads of the SDK, several at once.
///
/// They answer 1 for success and, for `compare_and_swap`, 2 for a conflict. **Anything else, 0
/// included, means that it is unknown what happened**, and the SDK loads again. No exception may
/// leave a function. `casehug_clio_check_tokens` finds what they do wrong.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct casehug_clio_tokens {
    /// `sizeof(casehug_clio_tokens)`.
    pub size: usize,
    /// Passed to every function.
    pub context: *mut c_void,
    /// Hands the envelope of this connection to `casehug_clio_tokens_set`, if there is one. MUST
    /// see every earlier successful swap of any process.
    pub load: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            firm: casehug_clio_str,
            connection: casehug_clio_str,
            into: *mut casehug_clio_tokens_answer,
        ) -> i32,
    >,
    /// Replaces the envelope if its version is still `expected` (`data` NULL: there is none yet).
    /// Success MUST mean durable.
    pub compare_and_swap: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            firm: casehug_clio_str,
            connection: casehug_clio_str,
            expected: casehug_clio_str,
            version: casehug_clio_str,
            envelope: casehug_clio_str,
        ) -> i32,
    >,
    /// Removes the envelope, whatever its version. Removing what is not there succeeds.
    pub remove:
        Option<unsafe extern "C" fn(context: *mut c_void, firm: casehug_clio_str, connection: casehug_clio_str) -> i32>,
    /// May be NULL. Called once, when the SDK will never call the others again: at close, and also
    /// when opening failed or was refused.
    pub release: Option<unsafe extern "C" fn(context: *mut c_void)>,
}

impl Functions for casehug_clio_tokens {
    const NAME: &'static str = "tokens";

    fn is_whole(&self) -> bool {
        self.load.is_some() && self.compare_and_swap.is_some() && self.remove.is_some()
    }

    fn context(&self) -> *mut c_void {
        self.context
    }

    fn release(&self) -> Option<unsafe extern "C" fn(*mut c_void)> {
        self.release
    }
}

/// Hands over an envelope and its version, byte for byte as they were swapped in; both are copied.
/// Answers 1, or 0 if they cannot be used; `load` then counts as failed.
///
/// # Safety
/// `into` is what the callback was given; texts are NULL or readable for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_tokens_set(
    into: *mut casehug_clio_tokens_answer,
    version: casehug_clio_str,
    envelope: casehug_clio_str,
) -> i32 {
    // SAFETY: NULL, or the sink of the callback that is running on this thread.
    let Some(into) = (unsafe { into.as_mut() }) else { return 0 };
    // SAFETY: readable by the caller's promise.
    match unsafe { (copy(version), copy(envelope)) } {
        _ if into.found.is_some() => into.wrong = Some("given_twice"),
        (Ok(Some(version)), Ok(Some(envelope))) => {
            into.found = Some(SealedTokens { version: Version(version), envelope });
        }
        (Ok(Some(_)), _) => into.wrong = Some("envelope"),
        _ => into.wrong = Some("version"),
    }
    i32::from(into.wrong.is_none())
}

fn failed(reason: &'static str) -> Error {
    Error::new(Code::StoreFailed).with("reason", reason).with("port", "tokens")
}

/// The [`TokenStore`] port over a host's functions.
#[derive(Clone, Debug)]
pub(crate) struct HostTokens(pub Host<casehug_clio_tokens>);

impl TokenStore for HostTokens {
    fn load<'a>(
        &'a self,
        firm: &'a FirmId,
        connection: &'a ConnectionId,
    ) -> BoxFuture<'a, Result<Option<SealedTokens>>> {
        let (firm, connection) = (Owned::new(firm.as_str()), Owned::new(connection.as_str()));
        Box::pin(self.0.on_pool(failed, move |tokens| {
            let load = tokens.load.ok_or_else(|| failed("no_function"))?;
            let mut sink = casehug_clio_tokens_answer::default();
            // SAFETY: the host's function; texts and sink live until it returns.
            let answer = unsafe { load(tokens.context, firm.view(), connection.view(), &raw mut sink) };
            match (answer, sink.wrong) {
                (OK, None) => Ok(sink.found),
                (OK, Some(wrong)) => Err(failed("callback_answer").with("field", wrong)),
                (answer, _) => Err(failed("callback_failed").with("answer", answer)),
            }
        }))
    }

    fn compare_and_swap<'a>(
        &'a self,
        firm: &'a FirmId,
        connection: &'a ConnectionId,
        expected: Option<&'a Version>,
        new: SealedTokens,
    ) -> BoxFuture<'a, Result<Swap>> {
        let (firm, connection) = (Owned::new(firm.as_str()), Owned::new(connection.as_str()));
        let expected = expected.map(|version| Owned::new(&version.0));
        let (version, envelope) = (Owned::new(&new.version.0), Owned::new(&new.envelope));
        Box::pin(self.0.on_pool(failed, move |tokens| {
            let swap = tokens.compare_and_swap.ok_or_else(|| failed("no_function"))?;
            let expected = expected.as_ref().map_or(casehug_clio_str::NONE, Owned::view);
            // SAFETY: the host's function; the texts live until it returns.
            let answer = unsafe {
                swap(tokens.context, firm.view(), connection.view(), expected, version.view(), envelope.view())
            };
            match answer {
                OK => Ok(Swap::Done),
                CONFLICT => Ok(Swap::Conflict),
                answer => Err(failed("callback_failed").with("answer", answer)),
            }
        }))
    }

    fn delete<'a>(&'a self, firm: &'a FirmId, connection: &'a ConnectionId) -> BoxFuture<'a, Result<()>> {
        let (firm, connection) = (Owned::new(firm.as_str()), Owned::new(connection.as_str()));
        Box::pin(self.0.on_pool(failed, move |tokens| {
            let remove = tokens.remove.ok_or_else(|| failed("no_function"))?;
            // SAFETY: the host's function; the texts live until it returns.
            match unsafe { remove(tokens.context, firm.view(), connection.view()) } {
                OK => Ok(()),
                answer => Err(failed("callback_failed").with("answer", answer)),
            }
        }))
    }
}
