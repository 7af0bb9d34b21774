//! Reading what a client sent: `{"data": {…}}`, loosely typed as Clio reads it. Unknown members are
//! dropped silently.

use serde_json::{Map, Value};

use super::{
    errors::{ApiError, ApiResult},
    http::{Query, Request},
    time,
};

/// The members of `data`.
pub(crate) type Data = Map<String, Value>;

/// The `data` object of a request body.
pub(crate) fn data(request: &Request, limit: usize) -> ApiResult<Data> {
    if request.body.len() > limit {
        return Err(ApiError::bad_request("The request body is too large."));
    }
    if !request.has_type("application/json") {
        return Err(ApiError::bad_request("param is missing or the value is empty: data"));
    }
    let Ok(mut body) = serde_json::from_slice::<Value>(&request.body) else {
        return Err(ApiError::bad_request("There was a problem in the JSON you submitted."));
    };
    match body.get_mut("data").map(Value::take) {
        Some(Value::Object(data)) => Ok(data),
        _ => Err(ApiError::bad_request("param is missing or the value is empty: data")),
    }
}

/// A text: `None` when the member is absent, `Some(None)` when it is null.
pub(crate) fn text(data: &Data, name: &str) -> ApiResult<Option<Option<String>>> {
    match data.get(name) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::String(text)) => Ok(Some(Some(text.clone()))),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(Some(value.to_string()))),
        Some(_) => Err(ApiError::invalid(format!("{name} must be a string."))),
    }
}

/// A text that must not be blank.
pub(crate) fn required(data: &Data, name: &str) -> ApiResult<String> {
    text(data, name)?
        .flatten()
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| ApiError::invalid(format!("{name} can't be blank.")))
}

/// A flag, cast as Rails casts it.
pub(crate) fn flag(data: &Data, name: &str) -> Option<bool> {
    match data.get(name)? {
        Value::Null => None,
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => Some(number.as_f64() != Some(0.0)),
        Value::String(text) => cast(text),
        Value::Array(_) | Value::Object(_) => Some(true),
    }
}

/// Rails knows these words for false, and takes every other text for true: `False`, as Python
/// writes it, is true.
fn cast(text: &str) -> Option<bool> {
    const FALSE: &[&str] = &["0", "f", "F", "false", "FALSE", "off", "OFF"];
    (!text.is_empty()).then(|| !FALSE.contains(&text))
}

/// A number, written as a number or as a text.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// `{id}`: `None` when absent, `Some(None)` when null.
pub(crate) fn reference(data: &Data, name: &str) -> ApiResult<Option<Option<i64>>> {
    match data.get(name) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::Object(inner)) => match inner.get("id") {
            None => Err(ApiError::invalid(format!("{name}.id is missing."))),
            Some(Value::Null) => Ok(Some(None)),
            Some(id) => integer(id)
                .map(|id| Some(Some(id)))
                .ok_or_else(|| ApiError::invalid(format!("{name}.id must be an id."))),
        },
        Some(_) => Err(ApiError::invalid(format!("{name} must be an object."))),
    }
}

/// The objects of a list; absent is empty.
pub(crate) fn list<'a>(data: &'a Data, name: &str) -> ApiResult<Vec<&'a Data>> {
    let wrong = || ApiError::invalid(format!("{name} must be a list of objects."));
    match data.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(|item| item.as_object().ok_or_else(wrong)).collect(),
        Some(_) => Err(wrong()),
    }
}

/// A calendar date, or null. Of a time the date counts.
pub(crate) fn day(data: &Data, name: &str) -> ApiResult<Option<Option<String>>> {
    let Some(Some(text)) = text(data, name)? else {
        return Ok(data.contains_key(name).then_some(None));
    };
    let day = time::date_of(&text).ok_or_else(|| ApiError::invalid(format!("{name} is not a date.")))?;
    Ok(Some(Some(day.to_owned())))
}

/// A filter that is a flag.
pub(crate) fn query_flag(query: &Query, name: &str) -> Option<bool> {
    cast(query.get(name)?)
}

/// A filter that is an id.
pub(crate) fn query_id(query: &Query, name: &str) -> ApiResult<Option<i64>> {
    let Some(text) = query.get(name) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| ApiError::bad_request(format!("{name} must be an id, not {text:?}.")))
}

/// A filter that is an instant.
fn query_time(query: &Query, name: &str, offset_minutes: i32) -> ApiResult<Option<i64>> {
    let Some(text) = query.get(name) else {
        return Ok(None);
    };
    let at = time::parse(text, offset_minutes);
    at.map(Some).ok_or_else(|| ApiError::bad_request(format!("{name} is not an ISO 8601 time: {text:?}.")))
}

/// A filter that is a list of ids; `None` when absent.
pub(crate) fn query_ids(query: &Query, name: &str) -> ApiResult<Option<Vec<i64>>> {
    let texts: Vec<&str> = query.all(name).collect();
    if texts.is_empty() {
        return Ok(None);
    }
    let ids = texts
        .iter()
        .flat_map(|text| text.split(','))
        .map(|text| text.parse().map_err(|_| ApiError::bad_request(format!("{name} must be ids, not {text:?}."))));
    ids.collect::<ApiResult<Vec<i64>>>().map(Some)
}

/// The filters every list has: ids, created and updated since.
#[derive(Debug)]
pub(crate) struct Common {
    ids: Option<Vec<i64>>,
    created_since: Option<i64>,
    updated_since: Option<i64>,
}

impl Common {
    pub fn read(query: &Query, offset_minutes: i32) -> ApiResult<Self> {
        Ok(Self {
            ids: query_ids(query, "ids")?,
            created_since: query_time(query, "created_since", offset_minutes)?,
            updated_since: query_time(query, "updated_since", offset_minutes)?,
        })
    }

    /// Times are compared in whole seconds, as they are shown.
    pub fn admits(&self, stamp: &super::resource::Stamp) -> bool {
        let since =
            |bound: Option<i64>, at: i64| bound.is_none_or(|bound| at.div_euclid(1000) >= bound.div_euclid(1000));
        self.ids.as_ref().is_none_or(|ids| ids.contains(&stamp.id))
            && since(self.created_since, stamp.created)
            && since(self.updated_since, stamp.updated)
    }
}
