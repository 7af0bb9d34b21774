//! The C library as an install tree: `target/dist/c` can be moved anywhere.

use std::fs;
use std::path::{Path, PathBuf};

use super::{GLIBC, TRIPLE, build, bytes, consumers, licences, mib, readelf, stays_loaded, stores};
use crate::hide::{self, hide};
use crate::{Outcome, natives, root, target};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What the shared library is to weigh, and what it may: 8.2 MiB were measured with SQLite,
/// PostgreSQL and TLS.
const GOAL_BYTES: u64 = 6 * 1024 * 1024;
const MOST_BYTES: u64 = 8_800_000;

/// The name that programs ask the loader for. Until 1.0 a minor version may break: it is part of
/// it.
pub(super) fn soname() -> String {
    let mut parts = VERSION.split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if major == "0" { format!("libcasehug_clio.so.0.{minor}") } else { format!("libcasehug_clio.so.{major}") }
}

/// Builds the tree, checks what is in it, and has consumers use a copy that was moved.
pub(super) fn dist() -> Outcome {
    let ((built, libraries), folder) = (build()?, target().join("dist/c"));
    let whole = lay(&built, &libraries, &folder)?;
    check(&whole, &header())?;
    stores::check(&consumers::use_a_moved(&folder)?, &target().join("dist/c-stores"))?;
    println!("{}", folder.display());
    Ok(())
}

/// The gate's step: the same tree around cargo's libraries, for the consumers and the stores in C.
pub(crate) fn check_stores() -> Outcome {
    crate::test::build()?;
    let tree = target().join("gate/c");
    lay(&target().join("debug"), &natives::of_rusts_own(&target().join("gate"))?, &tree)?;
    stores::check(&consumers::use_a_moved(&tree)?, &target().join("gate/c-stores"))
}

fn header() -> PathBuf {
    root().join("ffi/include/casehug_clio.h")
}

/// Lays a tree with headers, the libraries, what finds them, and licences; gives the shared
/// library's place.
/// `libraries` are what the static one needs.
fn lay(built: &Path, libraries: &str, folder: &Path) -> Result<PathBuf, String> {
    let wrong = |error: std::io::Error| error.to_string();
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(wrong)?;
    }
    let (lib, include) = (folder.join("lib"), folder.join("include"));
    for made in [&lib.join("pkgconfig"), &lib.join("cmake/casehug_clio"), &include] {
        fs::create_dir_all(made).map_err(wrong)?;
    }
    for header in ["casehug_clio.h", "casehug_clio_operations.h"] {
        fs::copy(root().join("ffi/include").join(header), include.join(header)).map_err(wrong)?;
    }
    let whole = lib.join(format!("libcasehug_clio.so.{VERSION}"));
    fs::copy(built.join("libcasehug_clio_ffi.so"), &whole).map_err(wrong)?;
    link(&format!("libcasehug_clio.so.{VERSION}"), &lib.join(soname()))?;
    link(&soname(), &lib.join("libcasehug_clio.so"))?;
    let write = |path: &str, text: String| fs::write(folder.join(path), text).map_err(wrong);
    hide(&header(), &built.join("libcasehug_clio_ffi.a"), &lib.join("libcasehug_clio.a"))?;
    for kind in ["casehug_clio", "casehug_clio-static"] {
        write(&format!("lib/pkgconfig/{kind}.pc"), pkg_config(kind, libraries))?;
    }
    write("lib/cmake/casehug_clio/casehug_clioConfig.cmake", cmake(libraries))?;
    write("lib/cmake/casehug_clio/casehug_clioConfigVersion.cmake", cmake_version())?;
    licences::lay("casehug-clio-ffi", TRIPLE, folder)?;
    Ok(whole)
}

fn link(to: &str, at: &Path) -> Outcome {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(to, at).map_err(|error| error.to_string());
    #[cfg(not(unix))]
    Err(format!("{}: a link to {to} is needed", at.display()))
}

/// Symbols, names, the oldest glibc, and the weight.
fn check(shared: &Path, header: &Path) -> Outcome {
    let (symbols, dynamic) = (readelf(shared, "--dyn-syms")?, readelf(shared, "-d")?);
    let header = fs::read_to_string(header).map_err(|error| error.to_string())?;
    let (shown, wanted) = (hide::exported(&symbols), hide::functions(&header));
    if shown != wanted {
        return Err(format!("the shared library shows {shown:?}, the header {wanted:?}"));
    }
    if !dynamic.contains(&format!("[{}]", soname())) {
        return Err(format!("no SONAME {}", soname()));
    }
    stays_loaded(&dynamic)?;
    let number = |version: &str| -> Vec<u32> { version.split('.').filter_map(|part| part.parse().ok()).collect() };
    let floor = readelf(shared, "-V")?
        .split("GLIBC_")
        .skip(1)
        .filter_map(|rest| rest.split(|char: char| char != '.' && !char.is_ascii_digit()).next().map(number))
        .max()
        .unwrap_or_default();
    if floor > number(GLIBC) {
        return Err(format!("it needs glibc {floor:?}, not {GLIBC}"));
    }
    let weight = bytes(shared)?;
    println!(
        "{}: {:.2} MiB (goal: {:.0}), {} functions, glibc {floor:?}",
        soname(),
        mib(weight),
        mib(GOAL_BYTES),
        shown.len()
    );
    if weight > MOST_BYTES { Err(String::from("the shared library is too large")) } else { Ok(()) }
}

/// The static library has a file of its own: with `--static` alone the linker takes the shared
/// library of the same folder.
fn pkg_config(kind: &str, libraries: &str) -> String {
    let libs = match kind {
        "casehug_clio-static" => format!("Libs: -L${{libdir}} -l:libcasehug_clio.a {libraries}\n"),
        _ => format!("Libs: -L${{libdir}} -lcasehug_clio\nLibs.private: {libraries}\n"),
    };
    format!(
        "prefix=${{pcfiledir}}/../..\nlibdir=${{prefix}}/lib\nName: {kind}\nDescription: CaseHug-Clio sync SDK\n\
         Version: {VERSION}\nCflags: -I${{prefix}}/include\n{libs}"
    )
}

fn cmake(libraries: &str) -> String {
    format!(
        r#"# casehug_clio::casehug_clio is the shared library, casehug_clio::static the static one.
get_filename_component(casehug_clio_prefix "${{CMAKE_CURRENT_LIST_DIR}}/../../.." ABSOLUTE)
foreach(kind casehug_clio static)
  if(NOT TARGET casehug_clio::${{kind}})
    if(kind STREQUAL static)
      add_library(casehug_clio::static STATIC IMPORTED)
      set_target_properties(casehug_clio::static PROPERTIES
        IMPORTED_LOCATION "${{casehug_clio_prefix}}/lib/libcasehug_clio.a"
        INTERFACE_LINK_LIBRARIES "{libraries}")
    else()
      add_library(casehug_clio::casehug_clio SHARED IMPORTED)
      set_target_properties(casehug_clio::casehug_clio PROPERTIES
        IMPORTED_LOCATION "${{casehug_clio_prefix}}/lib/libcasehug_clio.so.{VERSION}"
        IMPORTED_SONAME "{soname}")
    endif()
    set_target_properties(casehug_clio::${{kind}} PROPERTIES
      INTERFACE_INCLUDE_DIRECTORIES "${{casehug_clio_prefix}}/include")
  endif()
endforeach()
"#,
        libraries = libraries.replace(' ', ";"),
        soname = soname(),
    )
}

/// Until 1.0 only the same minor version is compatible.
fn cmake_version() -> String {
    format!(
        r#"set(PACKAGE_VERSION "{VERSION}")
if(PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE FALSE)
elseif(PACKAGE_FIND_VERSION_MAJOR EQUAL "{major}" AND PACKAGE_FIND_VERSION_MINOR EQUAL "{minor}")
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
  if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
  endif()
else()
  set(PACKAGE_VERSION_COMPATIBLE FALSE)
endif()
"#,
        major = VERSION.split('.').next().unwrap_or_default(),
        minor = VERSION.split('.').nth(1).unwrap_or_default(),
    )
}
