//! The library that the Python and the Kotlin package carry, and the module that UniFFI writes over
//! it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, done, target};

/// As UniFFI's modules call it.
pub(crate) const LIBRARY: &str = "libcasehug_clio_uniffi.so";

/// The one that was built for tests.
pub(crate) fn for_tests() -> PathBuf {
    target().join("debug").join(LIBRARY)
}

/// Writes a language's module. It is read from the library that was built for tests: one for
/// shipping has no symbols.
pub(crate) fn module(language: &str, out: &Path) -> Outcome {
    let mut bindgen = Command::new(target().join("debug/casehug-clio-bindgen"));
    done(bindgen.arg(language).arg(for_tests()).arg(out))
}
