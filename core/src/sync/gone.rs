//! What a refusal of Clio's may be about: something that the new record belongs to, and that is gone.

use super::driver::Driver;
use super::plan::PlannedMatter;
use super::report::StepKind;
use crate::clio::ApiRequest;
use crate::error::{Code, Error, Retry};
use crate::model::ClioId;

impl Driver<'_> {
    /// A refusal may mean that the record which the new one belongs to is gone from Clio. That is told apart, and nothing is created in its place.
    pub(super) async fn gone<A>(&self, error: Error, kind: StepKind, clio: ClioId, show: &ApiRequest<A>) -> Error {
        if !matches!(error.code(), Code::ClioNotFound | Code::ClioValidation | Code::ClioBadRequest) {
            return error;
        }
        match self.caller.repeat(show).await {
            Err(failure) if failure.error.code() == Code::ClioNotFound => {
                Error::new(Code::LinkedRecordGone).with("record", kind.name()).with("clio", clio).caused_by(error)
            }
            _ => error,
        }
    }

    /// A refusal may as well mean that the practice area was deleted since it was looked up. Then the list is loaded anew, and the next run goes by that.
    pub(super) async fn area_gone(&self, error: Error, planned: PlannedMatter) -> Error {
        let (PlannedMatter::Create(Ok(area)) | PlannedMatter::Resolve(Ok(area))) = planned else { return error };
        if !matches!(error.code(), Code::ClioNotFound | Code::ClioValidation | Code::ClioBadRequest) {
            return error;
        }
        match self.engine.reload_practice_areas(&self.caller, self.firm).await {
            Ok(now) if !now.areas.iter().any(|known| known.id == area) => {
                Error::new(Code::PracticeAreaGone).with("practice_area", area).retry_as(Retry::Retry).caused_by(error)
            }
            _ => error,
        }
    }
}
