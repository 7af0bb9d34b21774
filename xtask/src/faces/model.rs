//! The API as the writers see it: operations, types and errors, with everything resolved that JSON
//! Schema leaves open. It is `api/operations.json` too, so its JSON is for readers outside this
//! project.

use std::collections::BTreeMap;

use serde::Serialize;

/// The whole API.
#[derive(Debug, Serialize)]
pub(crate) struct Api {
    /// The SDK's version.
    pub version: String,
    /// In the order of the table.
    pub operations: Vec<Operation>,
    /// By name.
    pub types: BTreeMap<String, Type>,
    /// In the order of their numbers.
    pub errors: Vec<ErrorCode>,
}

/// An operation.
#[derive(Debug, Serialize)]
pub(crate) struct Operation {
    pub name: String,
    /// The group of its method; `host` for the host's own.
    pub group: String,
    /// Its method within the group.
    pub method: String,
    pub docs: String,
    /// `member`, `admin` or `host`.
    pub access: String,
    /// `reads`, `writes` or `calls_clio`.
    pub effect: String,
    pub arguments: Vec<Field>,
    pub result: Shape,
    /// Names of its own errors.
    pub errors: Vec<String>,
}

impl Operation {
    /// Who may ask for it, and what it does, in words.
    pub(super) fn who_and_what(&self) -> String {
        let who = match self.access.as_str() {
            "admin" => "a firm admin",
            "host" => "the service itself",
            _ => "any user of the firm",
        };
        let effect = self.effect.replace('_', " ").replace("calls clio", "calls Clio");
        format!("Access: {who}. Effect: {effect}.")
    }
}

/// A type that several places refer to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Type {
    /// An object.
    Object {
        docs: String,
        fields: Vec<Field>,
        /// Whether unknown fields are refused: it is an argument.
        closed: bool,
    },
    /// One of these strings; later versions may add some.
    Enum { docs: String, values: Vec<Value> },
    /// An object whose field `tag` says which fields it has besides; later versions may add
    /// variants.
    Union { docs: String, tag: String, variants: Vec<Variant> },
}

/// A field of an object, or an argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Field {
    pub name: String,
    pub docs: String,
    pub shape: Shape,
    /// Whether it must be there; what is not required may be absent or null.
    pub required: bool,
    /// Whether absent and null differ: absent leaves as it is what null takes away.
    #[serde(skip_serializing_if = "is_false")]
    pub null_clears: bool,
    /// Whether it holds data of people or a secret, which no face prints unasked.
    #[serde(skip_serializing_if = "is_false")]
    pub confidential: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A value of an enumeration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Value {
    pub name: String,
    pub docs: String,
}

/// A variant of a union.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Variant {
    /// The value of the tag.
    pub name: String,
    pub docs: String,
    pub fields: Vec<Field>,
}

/// What a value looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    /// Nothing: `{}`.
    Unit,
    Boolean,
    /// Below 2^53.
    Integer,
    /// An integer of milliseconds.
    Milliseconds,
    String,
    /// An id of CaseHug's: 1 to 128 of `A-Z a-z 0-9 _ - . :`.
    CasehugId,
    /// An id of Clio's, a decimal string.
    ClioId,
    /// RFC 3339, in UTC where the SDK writes it.
    Time,
    Array(Box<Self>),
    /// An object with any keys.
    Map(Box<Self>),
    /// The type of this name.
    Named(String),
    /// That, or null.
    Optional(Box<Self>),
}

/// An error code.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorCode {
    pub name: String,
    pub number: u64,
    pub kind: String,
    pub retry: String,
    pub message: String,
}
