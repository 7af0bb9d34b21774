//! The JavaScript side, and how its values are made and read.

use core::ops::RangeInclusive;
use std::cell::OnceCell;

use casehug_clio::{Code, Error, Result};
use js_sys::{Array, JsString, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// What `js/engine.mjs` offers.
    pub type Host;

    /// Polls the task soon, never inside this call.
    #[wasm_bindgen(method, catch)]
    pub fn schedule(this: &Host, task: u32) -> Result<(), JsValue>;

    /// The task is over: its promise gets the text, as a value or as an error.
    #[wasm_bindgen(method, catch)]
    pub fn settle(this: &Host, task: u32, succeeded: bool, json: &str) -> Result<(), JsValue>;

    /// A line for the log function of this number. Calls it soon, never inside this call.
    #[wasm_bindgen(method, catch)]
    pub fn log(this: &Host, number: u32, level: &str, target: &str, message: &str) -> Result<(), JsValue>;

    /// The wall clock: milliseconds since 1970.
    #[wasm_bindgen(method, catch)]
    pub fn now(this: &Host) -> Result<f64, JsValue>;

    /// Milliseconds that never jump back and go on while the machine is suspended.
    #[wasm_bindgen(method, catch)]
    pub fn monotonic(this: &Host) -> Result<f64, JsValue>;

    /// Starts a timer of any length.
    #[wasm_bindgen(method, catch)]
    pub fn timer(this: &Host, millis: f64) -> Result<Timer, JsValue>;

    /// Fills the array with secure random bytes.
    #[wasm_bindgen(method, catch)]
    pub fn random(this: &Host, out: &Uint8Array) -> Result<(), JsValue>;

    /// A running timer.
    pub type Timer;

    /// Fulfilled when the time is over, or cancelled.
    #[wasm_bindgen(method, getter)]
    pub fn over(this: &Timer) -> Promise;

    /// Ends it now.
    #[wasm_bindgen(method, catch)]
    pub fn cancel(this: &Timer) -> Result<(), JsValue>;
}

/// Bytes of a word. No name that the host is asked for is longer.
const LONGEST_WORD: usize = 128;

thread_local! {
    static HOST: OnceCell<Host> = const { OnceCell::new() };
}

/// Gives the module its host; before anything else, once.
#[wasm_bindgen]
pub fn start(host: Host) {
    HOST.with(|cell| cell.set(host).ok());
}

/// Calls the host.
pub(crate) fn with<T>(call: impl FnOnce(&Host) -> Result<T, JsValue>) -> Result<T> {
    let failed = |reason| Error::new(Code::RuntimeFailed).with("reason", reason);
    HOST.with(|cell| match cell.get() {
        Some(host) => call(host).map_err(|_| failed("host_function")),
        None => Err(failed("not_started")),
    })
}

/// Awaits what a function of the host returned: a promise, or a plain value as `node:sqlite` gives.
/// A thrown value comes back as it is.
pub(crate) async fn settled(returned: Result<JsValue, JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::resolve(&returned?)).await
}

/// A plain object.
pub(crate) fn object<const N: usize>(fields: [(&str, JsValue); N]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        // Cannot fail on an object that is neither frozen nor a proxy.
        let _ = Reflect::set(&object, &JsValue::from_str(name), &value);
    }
    object.into()
}

/// A field, `None` if it is absent, `undefined` or `null`. A getter that throws is an absent field.
pub(crate) fn field(object: &JsValue, name: &str) -> Option<JsValue> {
    let value = Reflect::get(object, &JsValue::from_str(name)).ok()?;
    (!value.is_undefined() && !value.is_null()).then_some(value)
}

/// A field that is a string.
pub(crate) fn text(object: &JsValue, name: &str) -> Option<String> {
    field(object, name)?.as_string()
}

/// A field that is one of our words, or a name of the host's: 1 to 128 bytes.
pub(crate) fn word(object: &JsValue, name: &str) -> Option<String> {
    within(&field(object, name)?, LONGEST_WORD).filter(|word| !word.is_empty())
}

/// A string of at most so many bytes. A longer one is not copied: the module never gives memory
/// back.
pub(crate) fn within(value: &JsValue, most: usize) -> Option<String> {
    // Each of its units is at least one byte.
    let units = value.dyn_ref::<JsString>()?.length();
    let text = usize::try_from(units).ok().filter(|units| *units <= most).and_then(|_| value.as_string());
    text.filter(|text| text.len() <= most)
}

/// Bytes, if their number is in this range. Others are not copied.
pub(crate) fn bytes_of(value: JsValue, allowed: RangeInclusive<usize>) -> Option<Vec<u8>> {
    let bytes: Uint8Array = value.dyn_into().ok()?;
    usize::try_from(bytes.length()).is_ok_and(|length| allowed.contains(&length)).then(|| bytes.to_vec())
}

/// A field that is a whole number which JavaScript represents exactly.
pub(crate) fn integer(object: &JsValue, name: &str) -> Option<i64> {
    whole(&field(object, name)?)
}

/// A whole number which JavaScript represents exactly.
pub(crate) fn whole(value: &JsValue) -> Option<i64> {
    let number = value.as_f64()?;
    let exact = number.fract() == 0.0 && number.abs() <= js_sys::Number::MAX_SAFE_INTEGER;
    // Exact by the line above.
    #[allow(clippy::cast_possible_truncation)]
    exact.then_some(number as i64)
}

/// Pairs of strings.
pub(crate) fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> JsValue {
    pairs.map(|(name, value)| Array::of2(&name.into(), &value.into())).collect::<Array>().into()
}

/// Refuses a port that lacks one of these functions.
pub(crate) fn require_functions(port: &JsValue, name: &'static str, functions: &[&'static str]) -> Result<()> {
    let lacks = |function: &&&'static str| !field(port, function).is_some_and(|value| value.is_function());
    match functions.iter().find(lacks) {
        None => Ok(()),
        Some(function) => Err(Error::new(Code::SettingInvalid).with("port", name).with("missing", function)),
    }
}
