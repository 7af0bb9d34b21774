//! Reading answers: strict about the envelope, lenient about a record's fields.
//!
//! A list that cannot be read as a list, or a link to a next page that cannot be followed, is a
//! failure: taking it for the end would miss a record and create a duplicate. An optional field
//! that is absent, null or of another type is simply absent, so that a change in Clio that does not
//! concern us does not stop a firm's sync. Unknown fields are skipped. Nothing is copied into a
//! JSON tree on the way: what is client data goes straight into [`Confidential`].

use core::fmt;
use core::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use secrecy::SecretString;

use super::host::ClioHost;
use super::request::{ApiRequest, Page, Resource};
use crate::domain::{ClioId, Confidential, Timestamp};

/// Why the body of a success could not be read. A fixed word: the text of a parser may quote the
/// body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable(pub &'static str);

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self(if error.is_data() { "shape" } else { "not_json" })
    }
}

#[derive(Deserialize)]
struct Record<T> {
    data: T,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct List<T> {
    data: Vec<T>,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Paging {
    next: Option<String>,
}

pub(super) fn record<A: DeserializeOwned>(_: &ClioHost, _: Resource, body: &[u8]) -> Result<A, Unreadable> {
    Ok(serde_json::from_slice::<Record<A>>(body)?.data)
}

pub(super) fn page<T: DeserializeOwned>(
    host: &ClioHost,
    resource: Resource,
    body: &[u8],
) -> Result<Page<T>, Unreadable> {
    let list: List<T> = serde_json::from_slice(body)?;
    let next = list.meta.and_then(|meta| meta.paging).and_then(|paging| paging.next);
    let next = match next.as_deref() {
        None | Some("") => None,
        Some(link) => {
            let link = host.same_api(link).ok_or(Unreadable("next_link"))?;
            Some(ApiRequest::next_page(resource, link))
        }
    };
    Ok(Page { items: list.data, next })
}

pub(super) fn any_list(_: &ClioHost, _: Resource, body: &[u8]) -> Result<(), Unreadable> {
    serde_json::from_slice::<List<IgnoredAny>>(body)?;
    Ok(())
}

/// The status says it all.
pub(super) fn nothing(_: &ClioHost, _: Resource, _: &[u8]) -> Result<(), Unreadable> {
    Ok(())
}

/// What a JSON scalar may be read as. `None`: it is not one of these.
pub(super) trait Scalar: Sized {
    fn text(text: &str) -> Option<Self>;
    fn integer(_: i64) -> Option<Self> {
        None
    }
    fn flag(_: bool) -> Option<Self> {
        None
    }
}

impl Scalar for Confidential {
    fn text(text: &str) -> Option<Self> {
        Some(Self::new(text))
    }
}

/// Numbers are taken as their digits: the signed headers of an upload come as either.
impl Scalar for String {
    fn text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
    fn integer(number: i64) -> Option<Self> {
        Some(number.to_string())
    }
}

impl Scalar for SecretString {
    fn text(text: &str) -> Option<Self> {
        Some(Self::from(text))
    }
}

impl Scalar for ClioId {
    fn text(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
    fn integer(number: i64) -> Option<Self> {
        Some(Self(number))
    }
}

impl Scalar for u32 {
    fn text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn integer(number: i64) -> Option<Self> {
        number.try_into().ok()
    }
}

impl Scalar for Timestamp {
    fn text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

/// Clio's guide and schema disagree on whether flags are text.
impl Scalar for bool {
    fn text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn flag(flag: bool) -> Option<Self> {
        Some(flag)
    }
}

/// An optional scalar; for `#[serde(default, deserialize_with)]`.
pub(super) fn scalar<'de, D: Deserializer<'de>, T: Scalar>(deserializer: D) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(ScalarVisitor(PhantomData))
}

/// A scalar without which the record is of no use.
pub(super) fn required<'de, D: Deserializer<'de>, T: Scalar>(deserializer: D) -> Result<T, D::Error> {
    scalar(deserializer)?.ok_or_else(|| D::Error::custom("required"))
}

/// An optional object.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(ObjectVisitor(PhantomData))
}

/// A list of objects; null is an empty one, a null item is skipped.
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let items = Option::<Vec<Option<T>>>::deserialize(deserializer)?;
    Ok(items.into_iter().flatten().flatten().collect())
}

struct ScalarVisitor<T>(PhantomData<T>);

impl<'de, T: Scalar> Visitor<'de> for ScalarVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar")
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::text(text))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(T::integer(number))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).ok().and_then(T::integer))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(T::flag(flag))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
