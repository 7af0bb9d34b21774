//! Text across the boundary.

use core::ffi::{CStr, c_char};
use core::{ptr, slice};
use std::ffi::CString;

use casehug_clio::{Code, Error};

/// What a caller did wrong. It becomes the `reason` of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misuse {
    #[error("null_pointer")]
    Null,
    #[error("not_utf8")]
    NotUtf8,
    #[error("wrong_size")]
    WrongSize,
    #[error("too_short")]
    TooShort,
    #[error("unknown_value")]
    UnknownValue,
    #[error("missing")]
    Missing,
    #[error("given_twice")]
    GivenTwice,
    #[error("not_a_ticket")]
    NotATicket,
    #[error("stale_handle")]
    StaleHandle,
    #[error("after_fork")]
    AfterFork,
    #[error("call_inside_callback")]
    InsideCallback,
}

impl Misuse {
    /// The error, naming the argument.
    pub(crate) fn of(self, argument: &'static str) -> Error {
        Error::new(Code::SettingInvalid).with("argument", argument).with("reason", self)
    }
}

/// Text with its length. What the SDK gives holds no NUL byte, and one follows it that `len` does
/// not count; except `associated` of `casehug_clio_keys`, which is bytes, with NUL among them and
/// none behind.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct casehug_clio_str {
    /// UTF-8; of `associated` any bytes. NULL means that there is none.
    pub data: *const c_char,
    /// Bytes.
    pub len: usize,
}

impl casehug_clio_str {
    pub(crate) const NONE: Self = Self { data: ptr::null(), len: 0 };
}

/// Owned text that C may read while it lives, NUL-terminated.
pub(crate) struct Owned(Vec<u8>);

impl Owned {
    pub(crate) fn new(text: &str) -> Self {
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        Self(bytes)
    }

    pub(crate) fn view(&self) -> casehug_clio_str {
        casehug_clio_str { data: self.0.as_ptr().cast(), len: self.0.len() - 1 }
    }
}

/// Reads a NUL-terminated argument.
///
/// # Safety
/// `text` is NULL or points to a NUL-terminated string that lives during the call.
pub(crate) unsafe fn argument<'a>(text: *const c_char, name: &'static str) -> Result<&'a str, Error> {
    if text.is_null() {
        return Err(Misuse::Null.of(name));
    }
    // SAFETY: not null, and NUL-terminated by the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_str().map_err(|_| Misuse::NotUtf8.of(name))
}

/// The `count` values at `data`. None needs no address.
///
/// # Safety
/// `data` is NULL or points to `count` readable values that live during the call.
pub(crate) unsafe fn list<'a, T>(data: *const T, count: usize, name: &'static str) -> Result<&'a [T], Error> {
    match (count, data.is_null()) {
        (0, _) => Ok(&[]),
        (_, true) => Err(Misuse::Null.of(name)),
        _ if count > isize::MAX as usize / size_of::<T>().max(1) => Err(Misuse::WrongSize.of(name)),
        // SAFETY: not null, and readable by the caller's promise.
        _ => Ok(unsafe { slice::from_raw_parts(data, count) }),
    }
}

/// Hands a text to C, who frees it with [`casehug_clio_free`]. Does nothing if C does not want it.
///
/// # Safety
/// `out` is NULL or points to a place for a pointer.
pub(crate) unsafe fn give(out: *mut *mut c_char, text: Option<String>) {
    // JSON escapes NUL, so only a defect could hold one; C then gets nothing rather than half a
    // text.
    let text = text.and_then(|text| CString::new(text).ok()).map_or(ptr::null_mut(), CString::into_raw);
    if out.is_null() {
        // SAFETY: made by `into_raw` right above, or NULL.
        unsafe { casehug_clio_free(text) };
    } else {
        // SAFETY: not null, and writable by the caller's promise.
        unsafe { out.write(text) };
    }
}

/// Frees a text that the SDK gave. NULL is allowed.
///
/// # Safety
/// `text` is NULL, or was given by the SDK and is not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: the SDK gives texts out of `CString::into_raw` only.
        drop(unsafe { CString::from_raw(text) });
    }
}
