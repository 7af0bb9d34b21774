//! Whether an answer is what a scenario expects, and the names that a scenario gives to what it
//! cannot know beforehand.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Named values: `<run>` takes what stands in its place the first time, and stands for it from then
/// on.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<String, Value>);

/// A name, if the text is one.
fn name(text: &str) -> Option<&str> {
    let name = text.strip_prefix('<')?.strip_suffix('>')?;
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then_some(name)
}

impl Names {
    /// The value with every name replaced by what it stands for.
    pub(crate) fn fill(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match name(text) {
                Some(name) => self.0.get(name).unwrap_or_else(|| panic!("<{name}> is not known yet")).clone(),
                None => value.clone(),
            },
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(members) => Value::Object(self.fill_all(members)),
            _ => value.clone(),
        }
    }

    /// The same for arguments.
    pub(crate) fn fill_all(&self, members: &Map<String, Value>) -> Map<String, Value> {
        members.iter().map(|(key, value)| (key.clone(), self.fill(value))).collect()
    }

    /// Compares, and learns names. The error says where they differ.
    ///
    /// Objects may have more fields than expected, lists may not be longer. `<any>` is anything but
    /// null, `<absent>` nothing or null; `{"$has": [..]}` is a list with at least these items, in
    /// any order; `{"$count": n}` a list of so many.
    pub(crate) fn compare(&mut self, expected: &Value, got: &Value) -> Result<(), String> {
        let mut learnt = Self(self.0.clone());
        learnt.at("", expected, got)?;
        *self = learnt;
        Ok(())
    }

    fn at(&mut self, path: &str, expected: &Value, got: &Value) -> Result<(), String> {
        let differs =
            || Err(format!("{}: expected {expected}, got {got}", if path.is_empty() { "whole" } else { path }));
        match (expected, got) {
            (Value::String(text), _) if text == "<any>" => {
                if got.is_null() {
                    differs()
                } else {
                    Ok(())
                }
            }
            (Value::String(text), _) if text == "<absent>" => {
                if got.is_null() {
                    Ok(())
                } else {
                    differs()
                }
            }
            (Value::String(text), _) if name(text).is_some() => {
                let name = name(text).unwrap_or_default().to_owned();
                match self.0.get(&name) {
                    Some(known) if same(known, got) => Ok(()),
                    Some(known) => Err(format!("{path}: <{name}> is {known}, got {got}")),
                    None => {
                        self.0.insert(name, got.clone());
                        Ok(())
                    }
                }
            }
            (Value::Object(wanted), Value::Array(items)) if wanted.len() == 1 => {
                if let Some(Value::Array(wanted)) = wanted.get("$has") {
                    for one in wanted {
                        self.one_of(path, one, items)?;
                    }
                    return Ok(());
                }
                match wanted.get("$count").and_then(Value::as_u64) {
                    Some(count) if count == items.len() as u64 => Ok(()),
                    _ => differs(),
                }
            }
            (Value::Object(wanted), Value::Object(members)) => {
                for (key, wanted) in wanted {
                    let got = members.get(key).unwrap_or(&Value::Null);
                    self.at(&format!("{path}/{key}"), wanted, got)?;
                }
                Ok(())
            }
            (Value::Array(wanted), Value::Array(items)) if wanted.len() == items.len() => {
                for (index, (wanted, got)) in wanted.iter().zip(items).enumerate() {
                    self.at(&format!("{path}/{index}"), wanted, got)?;
                }
                Ok(())
            }
            _ if expected == got => Ok(()),
            _ => differs(),
        }
    }

    fn one_of(&mut self, path: &str, wanted: &Value, items: &[Value]) -> Result<(), String> {
        for item in items {
            let mut learnt = Self(self.0.clone());
            if learnt.at(path, wanted, item).is_ok() {
                *self = learnt;
                return Ok(());
            }
        }
        Err(format!("{path}: none is {wanted}: {}", Value::from(items)))
    }
}

/// Clio's ids are numbers in Clio, and strings in the SDK.
fn same(known: &Value, got: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    known == got || (known.is_string() != got.is_string() && text(known) == text(got))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_named_once_is_the_same_everywhere() {
        let mut names = Names::default();
        names.compare(&json!({ "id": "<id>", "more": "<absent>" }), &json!({ "id": "12", "x": 1 })).unwrap();
        names.compare(&json!([{ "id": "<id>" }]), &json!([{ "id": 12 }])).unwrap();
        assert_eq!(names.fill(&json!({ "of": ["<id>"] })), json!({ "of": ["12"] }));
        let differs = names.compare(&json!({ "a": { "id": "<id>" } }), &json!({ "a": { "id": "13" } })).unwrap_err();
        assert_eq!(differs, r#"/a/id: <id> is "12", got "13""#);
    }

    #[test]
    fn lists_are_compared_whole_unless_a_part_is_asked_for() {
        let mut names = Names::default();
        let got = json!([{ "kind": "a", "n": 1 }, { "kind": "b", "n": 2 }]);
        assert!(names.compare(&json!([{ "kind": "a" }]), &got).is_err());
        names.compare(&json!({ "$has": [{ "kind": "b", "n": "<n>" }] }), &got).unwrap();
        names.compare(&json!({ "$count": 2 }), &got).unwrap();
        assert!(names.compare(&json!({ "$has": [{ "kind": "a", "n": "<n>" }] }), &got).is_err());
        assert!(names.compare(&json!({ "$count": 1 }), &got).is_err());
        assert!(names.compare(&json!({ "kind": "<any>" }), &json!({ "kind": null })).is_err());
    }
}
