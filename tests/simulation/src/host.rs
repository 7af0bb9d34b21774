//! The rest of what a host provides, with what can happen to it: CaseHug's data is out of reach for
//! a moment, and so is the key service.

use std::fmt;
use std::time::Duration;

use casehug_clio::memory::MemoryIntake;
use casehug_clio::ports::{
    BoxFuture, DataKey, DocumentBytes, DocumentReader, DocumentStat, IntakeSource, KeyProvider, SealContext, WrappedKey,
};
use casehug_clio::{Code, ConfiguredKeys, DocumentRef, Error, FirmId, Intake, MatterId, Result, Retry};

use crate::net::Faults;
use crate::world::World;

/// The way from one process to something of its host's.
#[derive(Clone)]
pub struct Reached<T> {
    pub world: World,
    pub faults: Faults,
    pub inner: T,
}

impl<T> fmt::Debug for Reached<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reached")
    }
}

impl<T> Reached<T> {
    async fn travel(&self, code: Code) -> Result<()> {
        self.world.sleep(self.world.between(Duration::ZERO, Duration::from_millis(8))).await;
        if self.faults.happens_rarely(&self.world) {
            self.world.tell(|| code.name().to_owned());
            // It passes: nothing is wrong with what was asked for.
            return Err(Error::new(code).with("reason", "simulated").retry_as(Retry::Retry));
        }
        Ok(())
    }
}

impl IntakeSource for Reached<MemoryIntake> {
    fn load<'a>(&'a self, firm: &'a FirmId, matter: &'a MatterId) -> BoxFuture<'a, Result<Intake>> {
        Box::pin(async move {
            self.travel(Code::IntakeUnreadable).await?;
            self.inner.load(firm, matter).await
        })
    }

    fn stat<'a>(&'a self, document: &'a DocumentRef) -> BoxFuture<'a, Result<DocumentStat>> {
        Box::pin(async move {
            self.travel(Code::DocumentUnreadable).await?;
            self.inner.stat(document).await
        })
    }
}

impl DocumentBytes for Reached<MemoryIntake> {
    fn open<'a>(&'a self, document: &'a DocumentRef, offset: u64) -> BoxFuture<'a, Result<Box<dyn DocumentReader>>> {
        Box::pin(async move {
            self.travel(Code::DocumentUnreadable).await?;
            self.inner.open(document, offset).await
        })
    }
}

impl KeyProvider for Reached<ConfiguredKeys> {
    fn wrap<'a>(&'a self, key: &'a DataKey, context: &'a SealContext) -> BoxFuture<'a, Result<WrappedKey>> {
        Box::pin(async move {
            self.travel(Code::KeyFailed).await?;
            self.inner.wrap(key, context).await
        })
    }

    fn unwrap<'a>(&'a self, wrapped: &'a WrappedKey, context: &'a SealContext) -> BoxFuture<'a, Result<DataKey>> {
        Box::pin(async move {
            self.travel(Code::KeyFailed).await?;
            self.inner.unwrap(wrapped, context).await
        })
    }
}
