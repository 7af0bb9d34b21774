//! `fields=`: what a client asks for, and the projection of a record onto it.
//!
//! Without `fields` a record is `id` and `etag`. One level of braces picks fields of a nested
//! record; a nested record without braces gives its own `id` and `etag`. What has neither (the
//! headers and parts of an upload) comes whole. Blanks around a name and commas at an end mean
//! nothing, as Ruby splits and strips.

use serde_json::{Map, Value};

use super::{
    errors::{ApiError, ApiResult},
    shapes::Shape,
};

/// One chosen field, with the braces after it if there were any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    name: String,
    inner: Option<Vec<String>>,
}

/// The chosen fields, checked against the shape.
pub(crate) type Selection = Vec<Choice>;

fn defaults() -> Vec<String> {
    vec!["id".into(), "etag".into()]
}

/// Reads the `fields` parameter.
pub(crate) fn parse(text: Option<&str>, shape: &Shape) -> ApiResult<Selection> {
    let text = text.unwrap_or("").trim();
    if text.is_empty() {
        return Ok(defaults().into_iter().map(|name| Choice { name, inner: None }).collect());
    }
    let mut selection = Selection::new();
    let mut rest = text;
    loop {
        let end = rest.find([',', '{', '}']).unwrap_or(rest.len());
        let name = rest[..end].trim();
        rest = &rest[end..];
        let mut inner = None;
        if let Some(after) = rest.strip_prefix('{') {
            let close = after.find('}').ok_or_else(|| malformed(text))?;
            let inside = &after[..close];
            if inside.contains('{') {
                return Err(ApiError::bad_fields("Only one level of nested fields is supported."));
            }
            inner = Some(without_end(inside).split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>());
            rest = after[close + 1..].trim_start();
        }
        let choice = Choice { name: name.to_owned(), inner };
        check(&choice, shape)?;
        selection.push(choice);
        if without_end(rest).is_empty() {
            return Ok(selection);
        }
        rest = rest.strip_prefix(',').ok_or_else(|| malformed(text))?;
    }
}

/// The list without what its end says of nothing.
fn without_end(list: &str) -> &str {
    list.trim_end_matches(|c: char| c == ',' || c.is_whitespace())
}

fn malformed(text: &str) -> ApiError {
    ApiError::bad_fields(format!("The fields {text:?} are not well formed."))
}

fn unknown(name: &str, shape: &Shape) -> ApiError {
    ApiError::bad_fields(format!("{name:?} is not a valid field of {}.", shape.name))
}

fn check(choice: &Choice, shape: &Shape) -> ApiResult<()> {
    match (shape.nested(&choice.name), &choice.inner) {
        (Some((nested, _)), Some(inner)) => {
            let bad = inner.iter().find(|name| !nested.has_scalar(name) && nested.nested(name).is_none());
            bad.map_or(Ok(()), |name| Err(unknown(name, nested)))
        }
        (Some(_), None) => Ok(()),
        (None, None) if shape.has_scalar(&choice.name) => Ok(()),
        (None, _) => Err(unknown(&choice.name, shape)),
    }
}

/// The chosen part of a record. `full` is the whole record, nested records included.
pub(crate) fn project(full: &Value, shape: &Shape, selection: &Selection, nulls: bool) -> Value {
    let mut out = Map::new();
    for choice in selection {
        let value = full.get(&choice.name).unwrap_or(&Value::Null);
        let value = match shape.nested(&choice.name) {
            None => value.clone(),
            Some((nested, many)) => nest(value, nested, many, choice.inner.as_deref(), nulls),
        };
        if nulls || !value.is_null() {
            out.insert(choice.name.clone(), value);
        }
    }
    Value::Object(out)
}

fn nest(value: &Value, shape: &Shape, many: bool, inner: Option<&[String]>, nulls: bool) -> Value {
    if many {
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        return items.iter().map(|item| pick(item, shape, inner, nulls)).collect();
    }
    if value.is_null() { Value::Null } else { pick(value, shape, inner, nulls) }
}

fn pick(record: &Value, shape: &Shape, inner: Option<&[String]>, nulls: bool) -> Value {
    let defaults = defaults();
    let names = match inner {
        Some(names) => names,
        None if shape.has_scalar("id") => &defaults,
        None => return record.clone(),
    };
    let mut out = Map::new();
    for name in names {
        let value = record.get(name).unwrap_or(&Value::Null);
        let value = match shape.nested(name) {
            None => value.clone(),
            Some((deeper, many)) => nest(value, deeper, many, None, nulls),
        };
        let known = shape.has_scalar(name) || shape.nested(name).is_some();
        if known && (nulls || !value.is_null()) {
            out.insert(name.clone(), value);
        }
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::shapes, *};

    fn run(fields: Option<&str>, full: &Value) -> Value {
        let shape = shapes::find("Matter").unwrap();
        project(full, shape, &parse(fields, shape).unwrap(), false)
    }

    #[test]
    fn nothing_asked_gives_id_and_etag() {
        assert_eq!(run(None, &json!({"id": 1, "etag": "\"a\"", "status": "Open"})), json!({"id": 1, "etag": "\"a\""}));
    }

    #[test]
    fn nested_records_follow_their_braces() {
        let full = json!({"id": 1, "client": {"id": 2, "etag": "\"b\"", "name": "Ada"}});
        assert_eq!(run(Some("id,client{name}"), &full), json!({"id": 1, "client": {"name": "Ada"}}));
        assert_eq!(run(Some("client"), &full), json!({"client": {"id": 2, "etag": "\"b\""}}));
    }

    #[test]
    fn wrong_fields_are_refused() {
        let shape = shapes::find("Matter").unwrap();
        for bad in [
            "nope",
            "id,client{nope}",
            "id{x}",
            "client{id{x}}",
            "client{id",
            "id}",
            ",id",
            "id,,etag",
            "client{id}id",
            "client{}",
        ] {
            assert_eq!(parse(Some(bad), shape).unwrap_err().status, 400, "{bad}");
        }
    }
}
