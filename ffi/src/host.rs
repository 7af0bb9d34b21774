//! Functions of the host, behind a table that it handed over: called on a bounded pool of ours,
//! never on a thread that polls, with copies of everything.
//!
//! A function that blocks delays its own caller, and nobody else before all threads of its pool are
//! taken: eight for the store, the vault and the keys together, eight for the intakes. `release` is
//! called once, after the last call.

use core::cell::Cell;
use core::ffi::c_void;
use core::fmt;
use core::slice;
use std::sync::Arc;

use casehug_clio::{Error, Result};
use tokio::runtime::Handle;

use crate::text::{Misuse, casehug_clio_str};

/// What a function answers that succeeded. Never 0, which a function that died halfway answers in
/// several languages.
pub(crate) const OK: i32 = 1;
/// What a function answers where something else is there than was expected.
pub(crate) const CONFLICT: i32 = 2;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread for as long as it lives, a panic included.
pub(crate) struct Inside(bool);

impl Inside {
    pub(crate) fn enter() -> Self {
        Self(INSIDE.replace(true))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(self.0);
    }
}

/// Whether this thread is inside a callback: a call from there could wait for the pool that it
/// occupies.
pub(crate) fn inside_callback() -> bool {
    INSIDE.get()
}

/// A table of functions.
pub(crate) trait Functions: Copy + 'static {
    /// What an error calls it.
    const NAME: &'static str;
    /// Whether nothing that is needed is missing.
    fn is_whole(&self) -> bool;
    fn context(&self) -> *mut c_void;
    fn release(&self) -> Option<unsafe extern "C" fn(*mut c_void)>;
}

/// A table that is released with its last user, whether or not it could be used.
pub(crate) struct Table<T: Functions>(pub T);

impl<T: Functions> Table<T> {
    /// Takes the host's functions, if there are any; from here on `release` is called exactly once.
    ///
    /// # Errors
    /// `SettingInvalid` for a wrong size: nothing of the table is known then, `release` included.
    ///
    /// # Safety
    /// `functions` is NULL or points to a table that begins with its size, and whose functions may
    /// be called on any thread until `release` was.
    pub(crate) unsafe fn take(functions: *const T) -> Result<Option<Self>> {
        if functions.is_null() {
            return Ok(None);
        }
        // SAFETY: not null, and `size` is the first field of every table.
        if unsafe { functions.cast::<usize>().read() } < size_of::<T>() {
            return Err(Misuse::WrongSize.of(T::NAME));
        }
        // SAFETY: at least as large as ours, by its own word.
        Ok(Some(Self(unsafe { functions.read() })))
    }
}

// SAFETY: the header asks the host for functions and a context that any thread may use at once.
unsafe impl<T: Functions> Send for Table<T> {}
// SAFETY: as above.
unsafe impl<T: Functions> Sync for Table<T> {}

impl<T: Functions> Drop for Table<T> {
    fn drop(&mut self) {
        if let Some(release) = self.0.release() {
            let _inside = Inside::enter();
            // SAFETY: the host's own function and context, for the last time.
            unsafe { release(self.0.context()) };
        }
    }
}

/// A host's functions and the pool that calls them.
pub(crate) struct Host<T: Functions> {
    pub table: Arc<Table<T>>,
    pub pool: Handle,
}

impl<T: Functions> Clone for Host<T> {
    fn clone(&self) -> Self {
        Self { table: Arc::clone(&self.table), pool: self.pool.clone() }
    }
}

impl<T: Functions> fmt::Debug for Host<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::NAME)
    }
}

impl<T: Functions> Host<T> {
    /// # Errors
    /// `SettingInvalid` for a missing function.
    pub(crate) fn new(table: Table<T>, pool: &Handle) -> Result<Self> {
        if table.0.is_whole() {
            Ok(Self { table: Arc::new(table), pool: pool.clone() })
        } else {
            Err(Misuse::Missing.of(T::NAME))
        }
    }

    /// Runs a callback on the pool. `failed` makes the error of a callback that never came to its
    /// end.
    pub(crate) async fn on_pool<R: Send + 'static>(
        &self,
        failed: fn(&'static str) -> Error,
        work: impl FnOnce(&T) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let table = Arc::clone(&self.table);
        let task = self.pool.spawn_blocking(move || {
            let _inside = Inside::enter();
            work(&table.0)
        });
        task.await.unwrap_or_else(|_| Err(failed("pool")))
    }
}

/// Copies a text of the host. `None`: there is none.
///
/// # Safety
/// `data` is NULL or points to `len` readable bytes.
pub(crate) unsafe fn copy(text: casehug_clio_str) -> Result<Option<String>, &'static str> {
    if text.data.is_null() {
        return Ok(None);
    }
    if isize::try_from(text.len).is_err() {
        return Err("length");
    }
    // SAFETY: not null, and readable by the caller's promise.
    let bytes = unsafe { slice::from_raw_parts(text.data.cast::<u8>(), text.len) };
    core::str::from_utf8(bytes).map(|text| Some(text.to_owned())).map_err(|_| "not_utf8")
}
