//! The approved intake of one matter, as CaseHug hands it in.
//!
//! These types are the privilege boundary: notes, custom fields, tags, dates of birth, street
//! addresses, messages and work product have no place in them, so nothing later in the SDK could
//! send any.

use core::fmt;

use serde::Deserialize;

use super::{Address, ClientId, Confidential, DocumentId, FirmId, MatterId, UploadId, text};
use crate::error::Result;

/// What CaseHug knows of one matter that Clio may know too.
#[derive(Clone, Debug, Deserialize)]
pub struct Intake {
    /// The matter.
    pub matter: IntakeMatter,
    /// Its client.
    pub client: IntakeClient,
    /// Its documents, sendable or not. A document's key (document and upload) occurs once.
    pub documents: Vec<IntakeDocument>,
}

/// A matter.
#[derive(Clone, Debug, Deserialize)]
pub struct IntakeMatter {
    /// CaseHug's id.
    pub id: MatterId,
    /// The title, not blank. Becomes Clio's `description`.
    pub title: Confidential,
    /// The firm's case number. Becomes Clio's `client_reference`.
    #[serde(default)]
    pub case_number: Option<Confidential>,
    /// CaseHug's case type, e.g. `Divorce - Standard`, or one of its eight practice areas, e.g.
    /// `family_law`.
    #[serde(default)]
    pub case_type: Option<Confidential>,
}

/// A client.
#[derive(Clone, Debug, Deserialize)]
pub struct IntakeClient {
    /// CaseHug's id.
    pub id: ClientId,
    /// First name. First or last name is not blank (Clio requires one for a Person).
    pub first_name: Confidential,
    /// Last name.
    pub last_name: Confidential,
    /// Email address, if the client gave one.
    #[serde(default)]
    pub email: Option<Confidential>,
    /// Phone number, E.164 as CaseHug keeps it.
    #[serde(default)]
    pub phone: Option<Confidential>,
}

/// A document of the intake.
#[derive(Clone, Debug)]
pub struct IntakeDocument {
    /// The slot's id.
    pub id: DocumentId,
    /// The upload's id: another upload in the same slot is another document in Clio. MUST be
    /// another for another file: what is in Clio already is not sent again under its id.
    pub upload_id: UploadId,
    /// File name as the client gave it. Becomes Clio's `name`.
    pub file_name: Confidential,
    /// Media type, e.g. `application/pdf`. Blank if it is not known, as a browser leaves it: then
    /// Clio goes by the file name.
    pub content_type: String,
    /// Where its approval stands.
    pub status: DocumentStatus,
    /// Where it comes from.
    pub origin: DocumentOrigin,
}

/// Where a document's approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentStatus {
    /// Asked for, not uploaded.
    Pending,
    /// Uploaded, not reviewed.
    Uploaded,
    /// Approved by the firm.
    Approved,
    /// Rejected by the firm.
    Rejected,
}

/// Where a document comes from. Only [`ClientUpload`](Self::ClientUpload) may leave; the others
/// exist so that a refusal can be told apart and logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentOrigin {
    /// Submitted by the client.
    ClientUpload,
    /// Uploaded by the firm.
    FirmUpload,
    /// Attorney work product.
    WorkProduct,
    /// An internal note.
    Note,
    /// A communication, possibly privileged.
    Communication,
}

impl DocumentStatus {
    /// The name in CaseHug's data.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Uploaded => "uploaded",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }
}

impl DocumentOrigin {
    /// The name in CaseHug's data.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientUpload => "client_upload",
            Self::FirmUpload => "firm_upload",
            Self::WorkProduct => "work_product",
            Self::Note => "note",
            Self::Communication => "communication",
        }
    }
}

/// What makes a document one document: matter, slot and upload.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentKey {
    /// The matter.
    pub matter: MatterId,
    /// The slot.
    pub document: DocumentId,
    /// The upload.
    pub upload: UploadId,
}

impl DocumentKey {
    /// Reads `matter/document/upload`.
    ///
    /// # Errors
    /// [`Code::IdInvalid`](crate::Code::IdInvalid).
    pub fn parse(text: &str) -> Result<Self> {
        let mut parts = text.split('/');
        let mut next = || parts.next().unwrap_or_default();
        let (matter, document, upload) = (next(), next(), next());
        let key = Self {
            matter: MatterId::new(matter)?,
            document: DocumentId::new(document)?,
            upload: UploadId::new(upload)?,
        };
        if parts.next().is_some() { Err(super::ids::invalid("document")) } else { Ok(key) }
    }
}

/// `matter/document/upload`: ids hold no slash, so it is unambiguous.
impl fmt::Display for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.matter, self.document, self.upload)
    }
}

/// Names the bytes of one document: what crosses from core to the transport instead of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DocumentRef {
    /// The firm.
    pub firm: FirmId,
    /// The document.
    pub key: DocumentKey,
}

impl IntakeClient {
    /// The email address in its canonical form, if there is one.
    pub(crate) fn address(&self) -> Option<Address> {
        Address::parse(self.email.as_ref()?.expose())
    }

    /// The phone number, if there is one.
    pub(crate) fn number(&self) -> Option<String> {
        let phone = self.phone.as_ref()?.expose().trim();
        (!text::is_blank(phone)).then(|| phone.to_owned())
    }
}

impl Intake {
    /// The key of one of this intake's documents.
    #[must_use]
    pub fn key_of(&self, document: &IntakeDocument) -> DocumentKey {
        DocumentKey {
            matter: self.matter.id.clone(),
            document: document.id.clone(),
            upload: document.upload_id.clone(),
        }
    }
}
