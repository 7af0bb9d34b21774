//! Newtype ids. An id cannot be passed where another is meant, and CaseHug's ids are checked once,
//! where they come in.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Code, Error, Result};

/// The longest id in bytes.
const MAX_ID: usize = 128;

macro_rules! casehug_ids {
    ($( $(#[$doc:meta])* $name:ident $word:literal; )*) => { $(
        $(#[$doc])*
        ///
        /// An opaque string of 1 to 128 bytes from `A-Z a-z 0-9 _ - . :`, not starting with a dot.
        /// Ids appear in logs and errors, so they MUST NOT be made of names or addresses.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks and takes an id.
            ///
            /// # Errors
            /// [`Code::IdInvalid`] when it is empty, too long or holds another character.
            pub fn new(id: impl Into<String>) -> Result<Self> {
                let id = id.into();
                if is_valid(&id) { Ok(Self(id)) } else { Err(invalid($word)) }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }

        /// For arguments that take either.
        impl From<&Self> for $name {
            fn from(id: &Self) -> Self { id.clone() }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(id: &str) -> Result<Self> { Self::new(id) }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let id = String::deserialize(deserializer)?;
                // The text of the error names the type only: an invalid id may be client data put
                // in the wrong place.
                Self::new(id).map_err(|_| serde::de::Error::custom(concat!("invalid ", stringify!($name))))
            }
        }
    )* };
}

casehug_ids! {
    /// A CaseHug firm.
    FirmId "firm";
    /// A CaseHug matter.
    MatterId "matter";
    /// A CaseHug client.
    ClientId "client";
    /// A CaseHug document: a slot that an upload fills.
    DocumentId "document";
    /// A CaseHug upload: one file in a document's slot.
    UploadId "upload";
    /// A user of a CaseHug firm, who asks for something.
    ActorId "actor";
    /// A connection of one firm to one Clio account.
    ConnectionId "connection";
}

/// Which id it is, and by that the path of an argument.
pub(super) fn invalid(what: &'static str) -> Error {
    Error::new(Code::IdInvalid).with("type", what).with("argument", what)
}

fn is_valid(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= MAX_ID
        && !id.starts_with('.')
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte))
}

/// An id of a record in Clio: an int64 there and here, a decimal string in every JSON that leaves
/// this crate for a host or a store (JavaScript rounds large integers).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClioId(pub i64);

impl fmt::Display for ClioId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for ClioId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ClioId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(|_| serde::de::Error::custom("invalid ClioId"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_id_is_called_by_what_it_names_and_not_by_its_rust_type() {
        let types: Vec<String> = [FirmId::new("").err(), MatterId::new("a b").err(), ActorId::new("../x").err()]
            .into_iter()
            .flatten()
            .filter_map(|error| error.get("type").map(str::to_owned))
            .collect();
        assert_eq!(types, ["firm", "matter", "actor"]);
    }

    #[test]
    fn ids_are_checked() {
        for good in ["mat_01H", "a", "firm:eu-1.2", &"x".repeat(128)] {
            assert!(MatterId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "..", "a b", "a/b", "é", "a\n", &"x".repeat(129)] {
            assert_eq!(MatterId::new(bad).unwrap_err().code(), Code::IdInvalid, "{bad:?}");
        }
    }

    #[test]
    fn clio_ids_are_strings_outside() {
        let id = ClioId(9_007_199_254_740_993);
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"9007199254740993\"");
        assert_eq!(serde_json::from_str::<ClioId>("\"9007199254740993\"").unwrap(), id);
    }
}
