//! `Errors.kt`: an exception for each kind of error, and every code.

use core::fmt::Write as _;
use std::collections::BTreeSet;

use super::{HEAD, kdoc, prose};
use crate::faces::model::{Api, ErrorCode};
use crate::faces::node::pascal;

/// `Errors.kt`.
pub(crate) fn errors(api: &Api) -> String {
    let mut text = format!("{HEAD}\npackage com.casehug.clio\n");
    let kinds: BTreeSet<&str> = api.errors.iter().map(|error| error.kind.as_str()).collect();
    for kind in &kinds {
        let of_kind = api.errors.iter().filter(|error| error.kind == *kind);
        let codes: Vec<String> = of_kind.map(|error| format!("`{}`", error.name)).collect();
        let docs = format!("Errors of kind `{kind}`: {}.", codes.join(", "));
        let _ = write!(
            text,
            "\n{}public class {} internal constructor(wire: String) : CasehugClioException(wire)\n",
            kdoc(&docs, 0),
            exception(kind)
        );
    }
    text += "\n/** What went wrong. A code never changes its meaning; later versions may add some. */\npublic object Code {\n";
    for ErrorCode { name, number, message, .. } in &api.errors {
        let constant = name.to_uppercase();
        text += &kdoc(&format!("{number}. {}", prose(api, message)), 1);
        let _ = write!(text, "    public const val {constant}: String = {name:?}\n\n");
    }
    text.truncate(text.trim_end().len());
    text += "\n}\n\n/** The exception of a kind; of a later version's, the base. */\n\
             internal fun exceptionOf(kind: String, wire: String): CasehugClioException = when (kind) {\n";
    for kind in &kinds {
        let _ = writeln!(text, "    {kind:?} -> {}(wire)", exception(kind));
    }
    text + "    else -> CasehugClioException(wire)\n}\n"
}

fn exception(kind: &str) -> String {
    if kind == "permission" { String::from("NotPermittedException") } else { format!("{}Exception", pascal(kind)) }
}
