//! The C face of an operation that has every kind of argument.

use std::collections::BTreeMap;

use super::super::model::{Value, Variant};
use super::*;

fn field(name: &str, shape: Shape, required: bool) -> Field {
    Field { name: name.into(), docs: "What it is.".into(), shape, required, null_clears: false, confidential: false }
}

fn api(arguments: Vec<Field>) -> Api {
    let values = ["one", "two"].map(|name| Value { name: name.into(), docs: String::new() }).into();
    let variant = Variant { name: "none".into(), docs: String::new(), fields: Vec::new() };
    let fields = vec![field("seen", Shape::Integer, true), field("more", Shape::Boolean, false)];
    let operation = Operation {
        name: "scratch".into(),
        group: "host".into(),
        method: "scratch".into(),
        docs: "Does nothing.".into(),
        access: "host".into(),
        effect: "calls_clio".into(),
        arguments,
        result: Shape::Optional(Box::new(Shape::Named("Seen".into()))),
        errors: vec!["record_unknown".into()],
    };
    let types = [
        ("Which", Type::Enum { docs: String::new(), values }),
        ("Answer", Type::Union { docs: String::new(), tag: "kind".into(), variants: vec![variant] }),
        ("Seen", Type::Object { docs: String::new(), fields, closed: false }),
    ];
    let types: BTreeMap<_, _> = types.into_iter().map(|(name, of)| (String::from(name), of)).collect();
    Api { version: "0.1.0".into(), operations: vec![operation], types, errors: Vec::new() }
}

#[test]
fn each_shape_becomes_a_parameter() {
    let optional = |shape| Shape::Optional(Box::new(shape));
    let header = header(&api(vec![
        field("error", Shape::Boolean, true),
        field("limit", optional(Shape::Integer), false),
        field("which", Shape::Named("Which".into()), true),
        field("answer", optional(Shape::Named("Answer".into())), false),
        field("ids", Shape::Array(Box::new(Shape::ClioId)), true),
    ]))
    .unwrap();
    let expected = r#"
// Does nothing.
//
// Access: host. Effect: calls Clio.
// `error_`: 0 or 1. What it is.
// `limit`: integer, or NULL. What it is.
// `which`: Which ("one", "two"). What it is.
// `answer_json`: Answer, or NULL. What it is.
// `ids_json`: array of Clio id. What it is.
// `out`: Seen {"seen", "more"}, or null.
// Errors: CASEHUG_CLIO_RECORD_UNKNOWN.
static inline int32_t casehug_clio_scratch(
    casehug_clio_sdk *sdk,
    int error_,
    const int64_t *limit,
    const char *which,
    const char *answer_json,
    const char *ids_json,
    char **out,
    char **error
) {
    const casehug_clio_argument arguments[] = {
        { "error", CASEHUG_CLIO_BOOLEAN, NULL, error_ },
        { "limit", limit ? CASEHUG_CLIO_INTEGER : CASEHUG_CLIO_TEXT, NULL, limit ? *limit : 0 },
        { "which", CASEHUG_CLIO_TEXT, which, 0 },
        { "answer", CASEHUG_CLIO_JSON, answer_json, 0 },
        { "ids", CASEHUG_CLIO_JSON, ids_json, 0 },
    };
    return casehug_clio_call_host(sdk, "scratch", arguments, 5, out, error);
}
"#;
    assert!(header.contains(expected), "{header}");
}

#[test]
fn what_c_has_no_parameter_for_is_refused() {
    for shape in [Shape::Unit, Shape::Named("Nowhere".into())] {
        let refused = header(&api(vec![field("odd", shape, true)])).unwrap_err();
        assert!(refused.starts_with("scratch in C: "), "{refused}");
    }
}

#[test]
fn the_program_calls_with_the_least_that_can_be_read() {
    let arguments = vec![
        field("firm", Shape::CasehugId, true),
        field("limit", Shape::Optional(Box::new(Shape::Integer)), false),
        field("answer", Shape::Named("Answer".into()), true),
        field("seen", Shape::Named("Seen".into()), true),
    ];
    let calls = calls::calls(&api(arguments)).unwrap();
    let expected = r#"CALL(scratch, sdk, "firm_1", NULL, "{\"kind\":\"none\"}", "{\"seen\":1}");"#;
    assert!(calls.contains(expected), "{calls}");
}
