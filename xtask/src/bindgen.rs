//! `bindgen WASM FOLDER`: makes the JavaScript around a compiled module. A program of its own,
//! because only one step needs what it is built from.
#![allow(clippy::print_stderr, reason = "a command's face")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [wasm, out] = args.as_slice() else {
        eprintln!("usage: bindgen WASM FOLDER");
        return ExitCode::FAILURE;
    };
    let mut generator = wasm_bindgen_cli_support::Bindgen::new();
    generator.input_path(wasm).typescript(false).remove_name_section(true);
    match generator.web(true).and_then(|web| web.generate(out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wasm-bindgen: {error:#}");
            ExitCode::FAILURE
        }
    }
}
