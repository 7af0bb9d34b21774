#!/bin/sh
# schemars 1.2.3 with serde 1 (Rust): a Duration that `#[serde(serialize_with)]` writes as
# milliseconds, and the derived schema of what is serialized.
# Expected: a compile error, as `#[serde(with)]` gives, or a schema without a type: the function may
# write anything.
# Seen: the schema of Duration itself, {secs, nanos}. The JSON that serde writes does not fit the
# schema of its own type.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
schemars = "=1.2.3"
serde = { version = "1", features = ["derive"] }
serde_json = "1"
TOML
cat > src/main.rs <<'RUST'
use std::time::Duration;

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Wait {
    #[serde(serialize_with = "ms")]
    wait: Duration,
}

fn ms<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_millis() as u64)
}

fn main() {
    let json = serde_json::to_string(&Wait { wait: Duration::from_millis(1500) }).unwrap();
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<Wait>();
    println!("{json} {}", schema.pointer("/$defs/Duration/required").unwrap());
}
RUST
seen=$(CARGO_TARGET_DIR="$dir/target" cargo run --quiet)
echo "seen: $seen"
[ "$seen" = '{"wait":1500} ["secs","nanos"]' ]
