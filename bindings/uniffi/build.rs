//! How the shared library is linked, by whatever builds it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Threads of an open SDK run in it: a host that unloads it would take the ground from under
    // them.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
