//! `casehug-clio-bindgen python|kotlin LIBRARY FOLDER`: writes the modules through which that
//! language calls the library. The library is not stripped yet.

use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage, generate};

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [language, library, folder] = arguments.as_slice() else {
        return Err(String::from("usage: casehug-clio-bindgen python|kotlin LIBRARY FOLDER"));
    };
    let language = match language.as_str() {
        "python" => TargetLanguage::Python,
        "kotlin" => TargetLanguage::Kotlin,
        other => return Err(format!("{other} is neither python nor kotlin")),
    };
    let options = GenerateOptions {
        languages: vec![language],
        source: library.into(),
        out_dir: folder.into(),
        ..GenerateOptions::default()
    };
    generate(options).map_err(|error| format!("{error:#}"))
}
