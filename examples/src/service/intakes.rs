//! Intakes of several firms: `DIR/<firm>/<matter>/`. Without the firm in the path, whoever guesses
//! another firm's matter id could have it synced to their own Clio.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use casehug_clio::ports::{BoxFuture, DocumentBytes, DocumentReader, DocumentStat, IntakeSource};
use casehug_clio::{Code, DocumentRef, FirmId, Intake, MatterId, Result};
use casehug_clio_intake_folder::FolderIntake;

/// One folder for each firm.
#[derive(Clone, Debug)]
pub(crate) struct FirmIntakes {
    root: PathBuf,
    /// Kept, because each remembers what it has read.
    firms: Arc<Mutex<BTreeMap<FirmId, FolderIntake>>>,
}

impl FirmIntakes {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, firms: Arc::default() }
    }

    /// A firm's id holds no separator and begins with no dot, so it stays below the root.
    fn of(&self, firm: &FirmId) -> FolderIntake {
        let mut firms = self.firms.lock().unwrap_or_else(PoisonError::into_inner);
        firms.entry(firm.clone()).or_insert_with(|| FolderIntake::new(self.root.join(firm.as_str()))).clone()
    }

    /// The firm's matters, by id. None for a firm without a folder; a folder whose name is no id is
    /// left out.
    pub(crate) async fn matters(&self, firm: &FirmId) -> Result<Vec<MatterId>> {
        let (folder, intakes) = (self.root.join(firm.as_str()), self.of(firm));
        let list = move || match folder.exists() {
            true => Ok(intakes.matters()?.into_iter().filter_map(Result::ok).collect()),
            false => Ok(Vec::new()),
        };
        tokio::task::spawn_blocking(list).await.map_err(|_| Code::IntakeUnreadable)?
    }
}

impl IntakeSource for FirmIntakes {
    fn load<'a>(&'a self, firm: &'a FirmId, matter: &'a MatterId) -> BoxFuture<'a, Result<Intake>> {
        Box::pin(async move { self.of(firm).load(firm, matter).await })
    }

    fn stat<'a>(&'a self, document: &'a DocumentRef) -> BoxFuture<'a, Result<DocumentStat>> {
        Box::pin(async move { self.of(&document.firm).stat(document).await })
    }
}

impl DocumentBytes for FirmIntakes {
    fn open<'a>(&'a self, document: &'a DocumentRef, offset: u64) -> BoxFuture<'a, Result<Box<dyn DocumentReader>>> {
        Box::pin(async move { self.of(&document.firm).open(document, offset).await })
    }
}
