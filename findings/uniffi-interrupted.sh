#!/bin/sh
# UniFFI 0.32.2 (crates.io), Python.
# A foreign trait's method that ends in KeyboardInterrupt, as after Ctrl-C, or in SystemExit.
# Expected: an error in Rust, as for any other exception.
# Seen: Ok(()). Of a number it is Ok(0), of a text Ok(""); of a record or an enum it is an error.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/src/bin"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "shop"
version = "0.1.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
[dependencies]
uniffi = { version = "=0.32.2", features = ["cli"] }
[workspace]
TOML
cat > "$dir/src/bin/bindgen.rs" <<'RS'
fn main() {
    uniffi::uniffi_bindgen_main()
}
RS
cat > "$dir/src/lib.rs" <<'RS'
use std::sync::Arc;

uniffi::setup_scaffolding!();

#[derive(Debug, uniffi::Error)]
pub enum Failed {
    Failed,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("failed")
    }
}

impl std::error::Error for Failed {}

impl From<uniffi::UnexpectedUniFFICallbackError> for Failed {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Failed::Failed
    }
}

#[uniffi::export(foreign)]
pub trait Store: Send + Sync {
    fn commit(&self) -> Result<(), Failed>;
}

#[uniffi::export]
pub fn buy(store: Arc<dyn Store>) -> String {
    format!("{:?}", store.commit())
}
RS
cd "$dir"
cargo build --quiet 2>/dev/null
./target/debug/bindgen generate --language python --no-format --out-dir . target/debug/libshop.so >/dev/null 2>&1
cp target/debug/libshop.so .
cat > try.py <<'PY'
import shop


def store(kind):
    class Interrupted(shop.Store):
        def commit(self):
            raise kind("in the middle")

    return Interrupted()


print(*(shop.buy(store(kind)) for kind in (ValueError, KeyboardInterrupt, SystemExit)))
PY
seen=$(python3 try.py 2>/dev/null)
echo "seen: $seen"
[ "$seen" = 'Err(Failed) Ok(()) Ok(())' ]
