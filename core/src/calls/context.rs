//! What every feature works with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

use super::firm_state::FirmState;
use crate::clio::ClioApi;
use crate::connection::{Connection, Session};
use crate::crypto::{Keyring, may_be_of_this_process};
use crate::domain::{FirmId, SyncConfig};
use crate::error::{Code, Error, Result};
use crate::notify::Notify;
use crate::ports::{Commit, IntakeSource, Runtime};
use crate::stop::Stop;
use crate::store::{MaintenanceTask, ProgressFeed, Repository, schedule_now};

/// The ports, the configuration, and what the work for one firm shares in this process. Clones
/// share everything but what tells them to stop.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub repository: Repository,
    pub runtime: Arc<dyn Runtime>,
    pub intake: Arc<dyn IntakeSource>,
    pub clio: ClioApi,
    pub session: Session,
    pub keyring: Keyring,
    pub config: SyncConfig,
    /// Wakes the workers of this process.
    pub workers: Arc<Notify>,
    pub progress: Arc<ProgressFeed>,
    /// Where Clio delivers to, without the token.
    pub webhook_url: Option<Url>,
    pub firms: Arc<Mutex<HashMap<FirmId, Arc<FirmState>>>>,
    pub stop: Stop,
}

impl Context {
    /// Whether this process can work for the firm: it is not connected to another Clio than this
    /// SDK's (its work is then that of the SDK for its region, on the same store), and its keys
    /// open here.
    pub(crate) async fn works_for(&self, firm: &FirmId) -> Result<bool> {
        let connection = Connection::load(&self.repository, firm).await?;
        self.works_for_connection(firm, connection.as_ref().map(|stored| &stored.value)).await
    }

    /// As [`works_for`](Self::works_for), of a firm whose connection was read already.
    pub(crate) async fn works_for_connection(&self, firm: &FirmId, connection: Option<&Connection>) -> Result<bool> {
        if connection.is_some_and(|connection| !connection.is_of(self.clio.host())) {
            return Ok(false);
        }
        match self.keyring.prove(firm).await {
            Ok(()) => Ok(true),
            Err(error) if may_be_of_this_process(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a failure says nothing of the work, but of this process: it was told to stop, or its
    /// key provider does not open the firm's key. Others can go on.
    pub(crate) async fn is_of_this_process(&self, firm: &FirmId, error: &Error) -> bool {
        if error.code() == Code::Stopped {
            return true;
        }
        may_be_of_this_process(error)
            && self.keyring.prove_anew(firm).await.is_err_and(|error| may_be_of_this_process(&error))
    }

    /// One that can be told to stop alone.
    pub(crate) fn below(&self) -> Self {
        Self { stop: self.stop.below(), ..self.clone() }
    }

    /// What the work for this firm shares in this process.
    pub(crate) fn firm_state_of(&self, firm: &FirmId) -> Arc<FirmState> {
        let mut firms = self.firms.lock().unwrap_or_else(PoisonError::into_inner);
        let firm_state = firms.entry(firm.clone()).or_insert_with(|| Arc::new(FirmState::new(&self.repository, firm)));
        Arc::clone(firm_state)
    }

    /// Makes a maintenance task due at once.
    pub(crate) async fn wake(&self, firm: &FirmId, task: MaintenanceTask) -> Result<()> {
        loop {
            let mut transaction = self.repository.transaction(firm)?;
            schedule_now(&self.repository, &mut transaction, task).await?;
            if matches!(self.repository.commit(&transaction).await?, Commit::Done { .. }) {
                self.workers.notify();
                return Ok(());
            }
        }
    }
}
