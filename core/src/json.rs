//! JSON that somebody hands in to be acted upon: a request, a setting, a configuration. It is taken
//! as it was meant, or refused with its path.
//!
//! A setting that is left out or misspelt must not fall back to its default unseen, and serde alone
//! lets much pass: an array for an object, a key twice in a map, what a type does not deny. So a
//! host reads what is written through [`read`], into types that deny unknown fields and have no
//! defaults. Records of the store are read with defaults instead: an earlier version wrote them.

use core::fmt;
use std::collections::HashSet;

use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_path_to_error::Segment;

use crate::error::{Code, Error, Result};

/// The one object whose keys are a firm's own words, which no error may hold.
const FREE_KEYS: &str = "practice_areas";
/// A longer key is none of ours, and none that is merely misspelt.
const LONGEST_KEY: usize = 40;

/// Reads an object. `code` is what it is refused with.
///
/// # Errors
/// `code` with `path` (`.` is the whole), `reason`, `line` and `column`. The reasons:
/// `not_an_object`, `syntax`, `truncated`, `repeated_key`, `unknown_field`, `missing_field`,
/// `wrong_type`, `value_not_allowed`. No value is told, and of unknown keys only those that could
/// be one of ours misspelt.
pub fn read<T: DeserializeOwned>(json: &[u8], code: Code) -> Result<T> {
    require_object(json, code)?;
    typed(json).map_err(|(error, path)| refused(code, &error, path, reason(&error)))
}

// What is the same for every type is apart, as `read` is compiled for each of them.

fn require_object(json: &[u8], code: Code) -> Result<(), Error> {
    check(json).map_err(|(error, path, reason)| refused(code, &error, path, reason))?;
    match json.trim_ascii_start().first() {
        Some(b'{') => Ok(()),
        _ => Err(Error::new(code).with("path", ".").with("reason", "not_an_object")),
    }
}

#[cold]
#[inline(never)]
fn refused(code: Code, error: &serde_json::Error, path: String, reason: &'static str) -> Error {
    let refused = Error::new(code).with("path", path).with("reason", reason);
    refused.with("line", error.line()).with("column", error.column())
}

/// Whether it is JSON, with no key twice in one object. Else where, and why.
pub(crate) fn check(json: &[u8]) -> Result<(), (serde_json::Error, String, &'static str)> {
    let mut repeated = None;
    let mut reader = serde_json::Deserializer::from_slice(json);
    let walked = NoRepeatedKeys(&mut repeated).deserialize(&mut reader).and_then(|()| reader.end());
    walked.map_err(|error| match repeated {
        Some(key) => (error, key, "repeated_key"),
        None if error.is_eof() => (error, String::from("."), "truncated"),
        None => (error, String::from("."), "syntax"),
    })
}

/// Its value. Else where it is not of the type.
pub(crate) fn typed<T: DeserializeOwned>(json: &[u8]) -> Result<T, (serde_json::Error, String)> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    serde_path_to_error::deserialize(&mut reader).map_err(located)
}

#[cold]
#[inline(never)]
fn located(error: serde_path_to_error::Error<serde_json::Error>) -> (serde_json::Error, String) {
    let mut path = shown(error.path().iter());
    let error = error.into_inner();
    // What is missing has no place of its own.
    if let Some(field) = error.to_string().strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        path = if path == "." { field.to_owned() } else { format!("{path}.{field}") };
    }
    (error, path)
}

fn shown<'a>(segments: impl Iterator<Item = &'a Segment>) -> String {
    let (mut path, mut free) = (String::new(), false);
    for segment in segments {
        match segment {
            Segment::Seq { index } => path += &format!("[{index}]"),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                let key = if free { "*" } else { nameable(key) };
                free = key == FREE_KEYS;
                path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            }
            Segment::Unknown => {}
        }
    }
    if path.is_empty() { String::from(".") } else { path }
}

/// A key, if it could be one of ours.
fn nameable(key: &str) -> &str {
    let like_a_field = key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.len() <= LONGEST_KEY
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if like_a_field { key } else { "?" }
}

/// In a word. serde tells kinds of errors apart by the beginnings of its texts only.
fn reason(error: &serde_json::Error) -> &'static str {
    let text = error.to_string();
    let kinds = [
        ("unknown field", "unknown_field"),
        ("missing field", "missing_field"),
        ("invalid type", "wrong_type"),
        ("duplicate field", "repeated_key"),
    ];
    kinds.into_iter().find(|(begins, _)| text.starts_with(begins)).map_or("value_not_allowed", |(_, reason)| reason)
}

/// For a field that may be `null` and may not be missing: `#[serde(deserialize_with =
/// "…::nullable")]`.
///
/// # Errors
/// Those of the value.
pub fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// Walks any JSON and fails at the second of two equal keys of one object; serde's derive sees
/// known keys only. Keeps which, if it can be named.
struct NoRepeatedKeys<'a>(&'a mut Option<String>);

impl<'de> DeserializeSeed<'de> for NoRepeatedKeys<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NoRepeatedKeys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                *self.0 = Some(nameable(&key).to_owned());
                return Err(serde::de::Error::custom("repeated key"));
            }
            keys.insert(key);
            map.next_value_seed(NoRepeatedKeys(self.0))?;
        }
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(NoRepeatedKeys(self.0))?.is_some() {}
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Written {
        flag: bool,
        #[serde(deserialize_with = "nullable")]
        area: Option<u32>,
        practice_areas: BTreeMap<String, u32>,
    }

    #[test]
    fn what_is_refused_is_named_and_never_quoted() {
        let good = r#"{"flag":true,"area":null,"practice_areas":{"Divorce":1}}"#;
        let read = |json: &str| read::<Written>(json.as_bytes(), Code::SettingInvalid);
        assert!(read(good).unwrap().flag);
        for (json, path, reason) in [
            (good.replace("true", "\"hawks\""), "flag", "wrong_type"),
            (good.replace("\"flag\":true,", ""), "flag", "missing_field"),
            (good.replace("\"area\":null,", ""), "area", "missing_field"),
            (good.replace("flag", "flags"), "flags", "unknown_field"),
            (good.replace("flag", "Jane Hawks"), "?", "unknown_field"),
            (good.replace(":1}", ":-1}"), "practice_areas.*", "value_not_allowed"),
            (good.replace(":1}", ":\"hawks\"}"), "practice_areas.*", "wrong_type"),
            (good.replace(":1}", ":1,\"Divorce\":2}"), "?", "repeated_key"),
            (good.replace("\"area\"", "\"flag\""), "flag", "repeated_key"),
            (good.replace("}}", "}"), ".", "truncated"),
            (format!("{good}]"), ".", "syntax"),
            ("[true,null,{}]".into(), ".", "not_an_object"),
            ("true".into(), ".", "not_an_object"),
            (String::new(), ".", "truncated"),
            ("[".repeat(100_000), ".", "syntax"),
        ] {
            let error = read(&json).unwrap_err();
            assert_eq!((error.get("path"), error.get("reason")), (Some(path), Some(reason)), "{error}");
            assert_eq!(error.code(), Code::SettingInvalid);
            let text = format!("{error} {error:?} {}", serde_json::to_string(&error).unwrap());
            assert!(!["hawks", "Hawks", "Divorce"].iter().any(|word| text.contains(word)), "{text}");
        }
    }
}
