//! The store that C programmers copy, and stores and vaults that break a promise each, under ctest:
//! `examples/c` and `ffi/tests/stores`.

use std::path::Path;
use std::process::Command;

use crate::{Outcome, root, said};

/// Builds them against a tree of the C library, in `folder`, and has ctest run them.
pub(super) fn check(tree: &Path, folder: &Path) -> Outcome {
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(root().join("ffi/tests/stores")).arg("-B").arg(folder);
    said(configure.arg(format!("-DCMAKE_PREFIX_PATH={}", tree.display())))?;
    said(Command::new("cmake").arg("--build").arg(folder))?;
    let mut tests = Command::new("ctest");
    tests.args(["--no-tests=error", "--output-on-failure", "--parallel", "4", "--test-dir"]).arg(folder);
    // Cargo's own path begins with the folder of an earlier build, whose library would be taken.
    print!("{}", said(tests.env_remove("LD_LIBRARY_PATH"))?);
    Ok(())
}
