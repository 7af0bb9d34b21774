//! Calls of every function of the C headers with something wrong in each argument's position, as
//! text to be included in `ffi/tests/c/every_argument.c`. Made from the headers, so that no
//! function and no argument is forgotten; a type that is not known here ends it.

use std::fmt::Write as _;

/// What stands for an argument: a right value, and wrong ones with what they are called.
struct Values {
    right: String,
    wrong: Vec<(&'static str, String)>,
}

struct Parameter<'a> {
    kind: String,
    name: &'a str,
}

/// A function of a header.
struct Function<'a> {
    name: &'a str,
    gives_status: bool,
    parameters: Vec<Parameter<'a>>,
}

/// The text, and how many functions are called in it.
pub fn calls(headers: &str) -> Result<(String, usize), String> {
    let code: String =
        headers.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let functions = functions(&code);
    let (mut whole, mut inside) = (String::new(), String::new());
    for function in &functions {
        let values = function.parameters.iter().map(|parameter| values(function.name, parameter));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let right: Vec<&str> = values.iter().map(|values| values.right.as_str()).collect();
        // What callbacks answer with is called in a callback, with the sink that it was given.
        let sink = function.parameters.first().filter(|parameter| parameter.name == "into");
        if let Some(sink) = sink {
            let _ = writeln!(inside, "static void bad_{}({} into) {{", function.name, sink.kind);
        }
        for (at, value) in values.iter().enumerate() {
            for (what, wrong) in &value.wrong {
                let mut arguments = right.clone();
                arguments[at] = wrong;
                let (name, position) = (function.name, function.parameters[at].name);
                let call = format!("{name}({})", arguments.join(", "));
                let handle = matches!(position, "sdk" | "ticket");
                match (sink, function.gives_status) {
                    (Some(_), _) => {
                        let _ = writeln!(inside, "    PUSH(\"{name}\", \"{position}\", \"{what}\", {call});");
                    }
                    (None, true) => {
                        let _ = writeln!(
                            whole,
                            "    CALL(\"{name}\", \"{position}\", \"{what}\", {}, {call});",
                            i32::from(handle)
                        );
                    }
                    (None, false) => {
                        let _ = writeln!(whole, "    {call};");
                    }
                }
            }
        }
        if sink.is_some() {
            inside += "}\n\n";
        }
    }
    Ok((format!("{inside}static void call_every_position(void) {{\n{whole}}}\n"), functions.len()))
}

/// Every function, declared (`int32_t casehug_clio_x(...);`) or defined (`static inline ...`).
fn functions(code: &str) -> Vec<Function<'_>> {
    let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let mut found: Vec<Function<'_>> = Vec::new();
    for (at, _) in code.match_indices('(') {
        let before = &code[..at];
        let name = before.rsplit(|char| !is_name(char)).next().unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        let is_declared = !line.starts_with([' ', '\t', '#']) && line.trim_end_matches(name).ends_with([' ', '*']);
        if !name.starts_with("casehug_clio_") || !is_declared {
            continue;
        }
        let list = code[at + 1..].split(')').next().unwrap_or_default();
        let parameters = list.split(',').map(str::trim).filter(|parameter| !matches!(*parameter, "" | "void"));
        let parameters = parameters
            .map(|parameter| {
                let name = parameter.rsplit(|char| !is_name(char)).next().unwrap_or_default();
                let kind = parameter[..parameter.len() - name.len()].replace("struct ", "");
                Parameter { kind: kind.split_whitespace().collect::<Vec<_>>().join(" "), name }
            })
            .collect();
        found.push(Function {
            name,
            gives_status: line.contains("int32_t ") && !line.contains("uint32_t"),
            parameters,
        });
    }
    found
}

fn values(function: &str, parameter: &Parameter<'_>) -> Result<Values, String> {
    let Parameter { kind, name } = parameter;
    let of = |right: &str, wrong: &[(&'static str, &str)]| Values {
        right: right.to_owned(),
        wrong: wrong.iter().map(|(what, value)| (*what, (*value).to_owned())).collect(),
    };
    let text = |right: &str| {
        of(
            right,
            &[
                ("NULL", "NULL"),
                ("empty", "\"\""),
                ("no UTF-8", "\"\\xff\\xfe\""),
                ("long", "too_long"),
                ("odd", "\"{\\\"\""),
            ],
        )
    };
    let none = &[("NULL", "NULL")][..];
    Ok(match (kind.as_str(), *name) {
        ("casehug_clio_sdk *", _) => of(
            "handle()",
            &[
                ("NULL", "NULL"),
                ("stale", "stale"),
                ("1", "number(1)"),
                ("wild", "number(0xdeadbee0)"),
                ("all ones", "number(UINTPTR_MAX)"),
            ],
        ),
        ("const casehug_clio_actor *", _) => {
            of("&admin", &[("NULL", "NULL"), ("empty", "&nobody"), ("no role", "&no_role"), ("no UTF-8", "&no_utf8")])
        }
        ("const char *", "operation") => text("\"get_health\""),
        ("const char *", "arguments") => text("\"{}\""),
        ("const char *", name) if name.ends_with("_json") => text("\"{}\""),
        ("const char *", _) => text("\"sample\""),
        ("const casehug_clio_argument *", _) => of("arguments", none),
        ("const casehug_clio_header *", _) => of("headers", none),
        ("const uint8_t *", _) => of("bytes", none),
        ("size_t", "count" | "header_count") => of("1", &[("none", "0"), ("endless", "SIZE_MAX")]),
        ("size_t", _) => of("sizeof bytes", &[("none", "0"), ("endless", "SIZE_MAX")]),
        ("const casehug_clio_config *", _) => of(
            "&config",
            &[("NULL", "NULL"), ("small", "&small_config"), ("size 0", "&zero_config"), ("empty", "&empty_config")],
        ),
        ("const casehug_clio_store *", _) => {
            of("&failing_store", &[("NULL", "NULL"), ("size 0", "&zero_store"), ("empty", "&empty_store")])
        }
        ("const casehug_clio_tokens *", _) => {
            of("&failing_tokens", &[("NULL", "NULL"), ("size 0", "&zero_tokens"), ("empty", "&empty_tokens")])
        }
        ("const casehug_clio_keys *", _) => {
            of("&failing_keys", &[("NULL", "NULL"), ("size 0", "&zero_keys"), ("empty", "&empty_keys")])
        }
        ("const casehug_clio_worker_config *", _) => {
            of("&worker", &[("NULL", "NULL"), ("size 0", "&zero_worker"), ("too quick", "&quick_worker")])
        }
        ("casehug_clio_sdk **", _) => of("&made", none),
        ("char **", "out") => of("&out", none),
        ("char **", "error") => of("&error", none),
        // Anything else was freed, or never the SDK's: C's own rules end there.
        ("char *", _) if function == "casehug_clio_free" => of("NULL", none),
        ("casehug_clio_str", _) => of(
            "good",
            &[
                ("none", "none"),
                ("NULL with a length", "null_with_length"),
                ("no UTF-8", "no_text"),
                ("NUL", "with_nul"),
                ("endless", "endless"),
            ],
        ),
        // A wait of any length is allowed.
        ("int64_t", "wait_ms") => of("0", &[("least", "INT64_MIN"), ("-1", "-1")]),
        ("int64_t", _) => of("1", &[("least", "INT64_MIN"), ("-1", "-1"), ("0", "0"), ("most", "INT64_MAX")]),
        ("uint64_t", _) => of("1", &[("0", "0"), ("most", "UINT64_MAX")]),
        ("int", _) => of("1", &[("0", "0"), ("-1", "-1")]),
        (_, "into") => of("into", none),
        (kind, name) => return Err(format!("{function}: what is wrong as {kind} {name}?")),
    })
}
