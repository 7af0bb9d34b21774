//! What is gone in Clio is said: when a refusal is about something that the new record belongs to,
//! and when a run meets what is known to be gone.
//!
//! What is known may be old: a record can be restored from Clio's trash. So a run that meets one
//! that is known to be gone asks Clio for it, once.

use super::driver::Driver;
use super::plan::PlannedMatter;
use crate::calls::refused;
use crate::clio::{contacts, matters};
use crate::contact_review::{contact_is_gone, note_contact_gone, note_contact_there};
use crate::domain::ClioId;
use crate::domain::report::StepKind;
use crate::error::{Code, Error, Result, Retry};
use crate::inbound::status;
use crate::inbound::status::{Observed, Source};
use crate::ports::Version;
use crate::settings::practice_areas;

impl Driver<'_> {
    /// A refusal may mean that the record which the new one belongs to is gone from Clio. That is
    /// told apart, and nothing is created in its place.
    pub(crate) async fn gone(&self, error: Error, kind: StepKind, clio: ClioId) -> Error {
        if !matches!(error.code(), Code::ClioNotFound | Code::ClioValidation | Code::ClioBadRequest) {
            return error;
        }
        match self.is_there(kind, clio).await {
            Err(gone) if gone.code() == Code::LinkedRecordGone => gone.caused_by(error),
            _ => error,
        }
    }

    /// What a run has to do with a linked record that is known to be gone: Clio is asked whether it
    /// still is.
    ///
    /// # Errors
    /// [`Code::LinkedRecordGone`], or what kept Clio from answering.
    pub(crate) async fn unless_gone(&self, kind: StepKind, clio: ClioId) -> Result<()> {
        let (repository, scope) = (&self.ctx.repository, &self.order.scope);
        let known_to_be = match kind {
            StepKind::Contact => contact_is_gone(repository, scope, clio).await?.is_some(),
            StepKind::Matter | StepKind::Document => status::is_gone(repository, scope, clio).await?,
        };
        if known_to_be { self.is_there(kind, clio).await } else { Ok(()) }
    }

    /// Asks Clio for a linked record, and writes down whether it is there.
    async fn is_there(&self, kind: StepKind, clio: ClioId) -> Result<()> {
        let before = status::known_version(&self.ctx.repository, &self.order.scope, clio).await?;
        let shown = match kind {
            StepKind::Contact => self.client_api.repeat(&contacts::show(clio)).await.map(|_| None),
            StepKind::Matter | StepKind::Document => {
                self.client_api.repeat(&matters::show(clio)).await.map(|matter| Some(Observed::from(&matter)))
            }
        };
        let seen = match shown {
            Ok(seen) => Some(seen),
            Err(failure) if failure.error.code() == Code::ClioNotFound => None,
            Err(failure) => return Err(refused(failure)),
        };
        match self.note_whether_there(kind, clio, seen, before.as_ref()).await {
            // What somebody else learned meanwhile counts as much.
            Err(error) if error.code() == Code::StoreConflict => {}
            noted => noted?,
        }
        if seen.is_some() {
            return Ok(());
        }
        Err(Error::new(Code::LinkedRecordGone).with("record", kind.name()).with("clio", clio))
    }

    /// `seen`: it is there; of a matter, what it is now.
    async fn note_whether_there(
        &self,
        kind: StepKind,
        clio: ClioId,
        seen: Option<Option<Observed>>,
        before: Option<&Version>,
    ) -> Result<()> {
        let (repository, scope) = (&self.ctx.repository, &self.order.scope);
        let mut transaction = repository.transaction(self.firm)?;
        match (kind, seen) {
            (StepKind::Contact, seen) => match (contact_is_gone(repository, scope, clio).await?, seen) {
                (None, None) => note_contact_gone(repository, &mut transaction, scope, clio)?,
                (Some(gone), Some(_)) => note_contact_there(&mut transaction, scope, clio, gone),
                (None, Some(_)) | (Some(_), None) => return Ok(()),
            },
            (_, Some(Some(seen))) => {
                status::apply(repository, &mut transaction, scope, seen, Source::Asked(before)).await?;
            }
            (_, Some(None)) => return Ok(()),
            (_, None) => {
                status::gone(repository, &mut transaction, scope, clio, false, before).await?;
            }
        }
        repository.commit(&transaction).await.map(|_| ())
    }

    /// A refusal may as well mean that the practice area was deleted since it was looked up. Then
    /// the list is loaded anew, and the next run goes by that.
    pub(crate) async fn area_gone(&self, error: Error, planned: PlannedMatter) -> Error {
        let (PlannedMatter::Create(Ok(chosen)) | PlannedMatter::Resolve(Ok(chosen))) = planned else { return error };
        let area = chosen.area;
        if !matches!(error.code(), Code::ClioNotFound | Code::ClioValidation | Code::ClioBadRequest) {
            return error;
        }
        match practice_areas::reload_practice_areas(self.ctx, &self.client_api, self.firm).await {
            Ok(now) if !now.areas.iter().any(|known| known.id == area) => {
                Error::new(Code::PracticeAreaGone).with("practice_area", area).retry_as(Retry::Retry).caused_by(error)
            }
            _ => error,
        }
    }
}
