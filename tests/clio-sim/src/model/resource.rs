//! The kinds of record the API serves, and the book-keeping every record shares.

use sha2::{Digest, Sha256};

use super::shapes::{self, Shape};

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resource {
    Contacts,
    Matters,
    PracticeAreas,
    Documents,
    Webhooks,
    CustomFields,
    Users,
}

impl Resource {
    pub fn of(segment: &str) -> Option<Self> {
        Some(match segment {
            "contacts" => Self::Contacts,
            "matters" => Self::Matters,
            "practice_areas" | "practice_areas_with_categories" => Self::PracticeAreas,
            "documents" => Self::Documents,
            "webhooks" => Self::Webhooks,
            "custom_fields" => Self::CustomFields,
            "users" => Self::Users,
            _ => return None,
        })
    }

    pub fn shape_name(self) -> &'static str {
        match self {
            Self::Contacts => "Contact",
            Self::Matters => "Matter",
            Self::PracticeAreas => "PracticeArea",
            Self::Documents => "Document",
            Self::Webhooks => "Webhook",
            Self::CustomFields => "CustomField",
            Self::Users => "User",
        }
    }

    pub fn shape(self) -> &'static Shape {
        static NONE: Shape = Shape { name: "", scalars: "id etag", nested: &[] };
        shapes::find(self.shape_name()).unwrap_or(&NONE)
    }

    /// The permission that guards it. Practice areas come with matters.
    pub fn permission(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Matters | Self::PracticeAreas => "matters",
            Self::Documents => "documents",
            Self::Webhooks => "webhooks",
            Self::CustomFields => "custom_fields",
            Self::Users => "users",
        }
    }
}

/// Id, times and revision: what every record has.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    pub id: i64,
    pub created: i64,
    pub updated: i64,
    pub revision: u32,
    /// Created by the connected person (seeded records are not, unless told).
    pub own: bool,
}

impl Stamp {
    pub fn new(id: i64, now: i64, own: bool) -> Self {
        Self { id, created: now, updated: now, revision: 1, own }
    }

    pub fn touch(&mut self, now: i64) {
        self.updated = now;
        self.revision += 1;
    }

    /// The entity tag, double quotes included.
    pub fn etag(&self, kind: &str) -> String {
        let digest = Sha256::digest(format!("{kind}|{}|{}", self.id, self.revision));
        format!("\"{}\"", hex::encode(digest.get(..16).unwrap_or_default()))
    }
}

/// Counters, one per kind, each starting at a value of its own.
#[derive(Debug)]
pub(crate) struct Ids {
    pub contacts: i64,
    pub matters: i64,
    pub areas: i64,
    pub documents: i64,
    pub versions: i64,
    pub folders: i64,
    pub webhooks: i64,
    pub custom_fields: i64,
    /// Addresses, phones, external properties and the like.
    pub parts: i64,
}

impl Default for Ids {
    fn default() -> Self {
        Self {
            contacts: 1_712_400_310,
            matters: 1_701_883_050,
            areas: 45_120_600,
            documents: 13_904_551_200,
            versions: 15_220_118_400,
            folders: 2_890_447_100,
            webhooks: 3_118_200,
            custom_fields: 19_004_700,
            parts: 2_470_338_000,
        }
    }
}

/// The next value of a counter.
pub(crate) fn next(counter: &mut i64) -> i64 {
    *counter += 15;
    *counter
}
