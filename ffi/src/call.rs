//! Operations: two exports run them all, and two more those of the host itself. Who leaves the
//! actor out is nobody, and never taken for the host.
//!
//! [`casehug_clio_call`] takes the arguments as a list, and the JSON is written here, so that
//! nobody escapes text in C. The typed functions of `casehug_clio_operations.h` do no more than
//! fill that list. [`casehug_clio_call_json`] takes the JSON.

use core::ffi::c_char;
use core::fmt::Write as _;

use casehug_clio::{Caller, Code, Error, Result};
use serde::de::IgnoredAny;

use crate::config::{actor, casehug_clio_actor};
use crate::entry::answer;
use crate::handle::{self, casehug_clio_sdk};
use crate::text::{Misuse, argument, list};

/// No operation has as many arguments.
const MOST_ARGUMENTS: usize = 64;
const LONGEST_NAME: usize = 64;

/// What an argument is.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum casehug_clio_argument_kind {
    /// `text` is a string, an id, a time or a value of an enumeration. NULL: null.
    CASEHUG_CLIO_TEXT = 1,
    /// `text` is JSON: an object, an array, anything. NULL: null.
    CASEHUG_CLIO_JSON = 2,
    /// `number` is an integer.
    CASEHUG_CLIO_INTEGER = 3,
    /// `number` is 0 for false, and anything else for true.
    CASEHUG_CLIO_BOOLEAN = 4,
}

/// An argument of `casehug_clio_call`. This struct never grows: later versions may add kinds.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct casehug_clio_argument {
    /// Its name, as in docs/operations.md.
    pub name: *const c_char,
    /// A `casehug_clio_argument_kind`.
    pub kind: i32,
    /// Of texts and JSON: UTF-8 with a NUL at its end.
    pub text: *const c_char,
    /// Of integers and booleans.
    pub number: i64,
}

impl core::fmt::Debug for casehug_clio_argument {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("casehug_clio_argument").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Runs an operation of a user. The functions of `casehug_clio_operations.h` do this with types. A
/// NULL as `actor` is refused. `out`: the result as JSON; `{}` where there is nothing to tell.
///
/// # Safety
/// Pointers are NULL or valid as the header describes them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_call(
    sdk: *mut casehug_clio_sdk,
    actor: *const casehug_clio_actor,
    operation: *const c_char,
    arguments: *const casehug_clio_argument,
    count: usize,
    out: *mut *mut c_char,
    error: *mut *mut c_char,
) -> i32 {
    // SAFETY: NULL or valid by the caller's promise.
    let json = || unsafe { object(arguments, count) };
    // SAFETY: as above.
    unsafe { call(sdk, Who::User(actor), operation, json, out, error) }
}

/// Runs an operation as the embedding service itself: one whose access is host, and only such a
/// one. Else as `casehug_clio_call`.
///
/// # Safety
/// Pointers are NULL or valid as the header describes them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_call_host(
    sdk: *mut casehug_clio_sdk,
    operation: *const c_char,
    arguments: *const casehug_clio_argument,
    count: usize,
    out: *mut *mut c_char,
    error: *mut *mut c_char,
) -> i32 {
    // SAFETY: NULL or valid by the caller's promise.
    let json = || unsafe { object(arguments, count) };
    // SAFETY: as above.
    unsafe { call(sdk, Who::Host, operation, json, out, error) }
}

/// As `casehug_clio_call`, with the arguments as one JSON object. For hosts without a C compiler.
/// NULL: no arguments.
///
/// # Safety
/// Pointers are NULL or valid as the header describes them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_call_json(
    sdk: *mut casehug_clio_sdk,
    actor: *const casehug_clio_actor,
    operation: *const c_char,
    arguments: *const c_char,
    out: *mut *mut c_char,
    error: *mut *mut c_char,
) -> i32 {
    // SAFETY: NULL or NUL-terminated by the caller's promise.
    let json = || unsafe { whole(arguments) };
    // SAFETY: NULL or valid by the caller's promise.
    unsafe { call(sdk, Who::User(actor), operation, json, out, error) }
}

/// As `casehug_clio_call_host`, with the arguments as one JSON object. NULL: no arguments.
///
/// # Safety
/// Pointers are NULL or valid as the header describes them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_call_host_json(
    sdk: *mut casehug_clio_sdk,
    operation: *const c_char,
    arguments: *const c_char,
    out: *mut *mut c_char,
    error: *mut *mut c_char,
) -> i32 {
    // SAFETY: NULL or NUL-terminated by the caller's promise.
    let json = || unsafe { whole(arguments) };
    // SAFETY: NULL or valid by the caller's promise.
    unsafe { call(sdk, Who::Host, operation, json, out, error) }
}

/// Who calls, as C says it.
enum Who {
    User(*const casehug_clio_actor),
    Host,
}

/// # Safety
/// As of the exports.
unsafe fn call(
    sdk: *mut casehug_clio_sdk,
    who: Who,
    operation: *const c_char,
    arguments: impl FnOnce() -> Result<String>,
    out: *mut *mut c_char,
    error: *mut *mut c_char,
) -> i32 {
    let work = || {
        let open = handle::call(sdk)?;
        // SAFETY: NULL or valid by the caller's promise.
        let operation = unsafe { argument(operation, "operation") }?;
        let user = match who {
            // SAFETY: NULL or an actor by the caller's promise.
            Who::User(who) => Some(unsafe { actor(who) }?),
            Who::Host => None,
        };
        let arguments = arguments()?;
        let caller = user.as_ref().map_or(Caller::Host, Caller::User);
        open.run(open.sdk().call(caller, operation, arguments.as_bytes())).map(Some)
    };
    // SAFETY: `out` and `error` are NULL or writable by the caller's promise.
    unsafe { answer(work, out, error) }
}

/// The JSON that was given.
///
/// # Safety
/// `arguments` is NULL or NUL-terminated.
unsafe fn whole(arguments: *const c_char) -> Result<String> {
    if arguments.is_null() {
        return Ok(String::from("{}"));
    }
    // SAFETY: not null, and NUL-terminated by the caller's promise.
    unsafe { argument(arguments, "arguments") }.map(str::to_owned)
}

/// The arguments as a JSON object.
///
/// # Safety
/// `arguments` is NULL or points to `count` arguments, whose texts are NULL or NUL-terminated.
unsafe fn object(arguments: *const casehug_clio_argument, count: usize) -> Result<String> {
    if count > MOST_ARGUMENTS {
        return Err(Misuse::WrongSize.of("count"));
    }
    // SAFETY: by this function's own contract.
    let arguments = unsafe { list(arguments, count, "arguments") }?;
    let mut json = String::from("{");
    for entry in arguments {
        // SAFETY: NULL or NUL-terminated by the caller's promise.
        let name = unsafe { argument(entry.name, "name") }?;
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_name) {
            return Err(Misuse::UnknownValue.of("name"));
        }
        if json.len() > 1 {
            json.push(',');
        }
        // Names need no escapes, and writing to a string cannot fail.
        let _ = write!(json, "\"{name}\":");
        // SAFETY: as above.
        unsafe { value(&mut json, entry, name) }?;
    }
    json.push('}');
    Ok(json)
}

/// # Safety
/// The text of `entry` is NULL or NUL-terminated.
unsafe fn value(json: &mut String, entry: &casehug_clio_argument, name: &str) -> Result<()> {
    let is = |kind: casehug_clio_argument_kind| entry.kind == kind as i32;
    let refused = |reason: &'static str| Error::new(Code::RequestInvalid).with("path", name).with("reason", reason);
    if is(casehug_clio_argument_kind::CASEHUG_CLIO_INTEGER) {
        let _ = write!(json, "{}", entry.number);
    } else if is(casehug_clio_argument_kind::CASEHUG_CLIO_BOOLEAN) {
        json.push_str(if entry.number == 0 { "false" } else { "true" });
    } else if is(casehug_clio_argument_kind::CASEHUG_CLIO_TEXT) || is(casehug_clio_argument_kind::CASEHUG_CLIO_JSON) {
        if entry.text.is_null() {
            json.push_str("null");
            return Ok(());
        }
        // SAFETY: not null, and NUL-terminated by the caller's promise.
        let text = unsafe { argument(entry.text, "text") }.map_err(|_| refused("not_utf8"))?;
        if is(casehug_clio_argument_kind::CASEHUG_CLIO_TEXT) {
            let escaped = serde_json::to_string(text).map_err(|_| refused("not_utf8"))?;
            json.push_str(&escaped);
        } else {
            // One whole value: what follows it would become arguments of its own.
            serde_json::from_str::<IgnoredAny>(text)
                .map_err(|error| refused(if error.is_eof() { "truncated" } else { "syntax" }))?;
            json.push_str(text);
        }
    } else {
        return Err(Misuse::UnknownValue.of("kind"));
    }
    Ok(())
}
