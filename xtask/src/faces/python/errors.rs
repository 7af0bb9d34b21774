//! `errors.py`: an exception for each kind of error, and every code.

use core::fmt::Write as _;
use std::collections::BTreeSet;

use super::{HEAD, docstring};
use crate::faces::model::{Api, ErrorCode};
use crate::faces::node::pascal;

/// `errors.py`.
pub(crate) fn errors(api: &Api) -> String {
    let mut text = format!(
        "\"\"\"An exception for each kind of error, and every code.\"\"\"\n\n{HEAD}\n\
         from __future__ import annotations\n\nfrom ._error import CasehugClioError, Retry\nfrom ._wire import OpenEnum\n"
    );
    let kinds: BTreeSet<&str> = api.errors.iter().map(|error| error.kind.as_str()).collect();
    for kind in &kinds {
        let codes: Vec<&str> =
            api.errors.iter().filter(|error| error.kind == *kind).map(|error| error.name.as_str()).collect();
        let docs = format!("Errors of kind `{kind}`: {}.", codes.join(", "));
        let _ = write!(text, "\n\nclass {}(CasehugClioError):\n{}", exception(kind), docstring(&docs, 1));
    }
    text += "\n\nclass Code(OpenEnum):\n    \"\"\"What went wrong. A code never changes its meaning; later versions may add \
             some.\"\"\"\n";
    for ErrorCode { name, message, .. } in &api.errors {
        let _ = writeln!(text, "\n    {} = {name:?}", name.to_uppercase());
        text += &docstring(message, 1);
    }
    text += "\n\nKINDS: dict[str, type[CasehugClioError]] = {\n";
    for kind in &kinds {
        let _ = writeln!(text, "    {kind:?}: {},", exception(kind));
    }
    let all: Vec<String> = kinds.iter().map(|kind| format!("{:?}", exception(kind))).collect();
    let _ =
        write!(text, "}}\n\n__all__ = [\n    \"CasehugClioError\",\n    \"Code\",\n    \"KINDS\",\n    \"Retry\",\n");
    all.iter().for_each(|name| text += &format!("    {name},\n"));
    text + "]\n"
}

/// The class of a kind. `PermissionError` is Python's own.
fn exception(kind: &str) -> String {
    if kind == "permission" { String::from("NotPermittedError") } else { format!("{}Error", pascal(kind)) }
}
