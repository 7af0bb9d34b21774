//! What every operation passes through, whoever calls it and in whatever language: the access
//! check, the audit entry of a refusal, and the tracing span.
//!
//! A change writes its audit entry in the transaction that makes the change, so that neither exists
//! without the other. One that takes many transactions writes it with or before the first of them:
//! however far it came, the entry says who asked. A refusal changes nothing, and its entry is
//! written here.

use core::any::TypeId;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument as _;

use super::table::{Access, Gate};
use super::{Caller, Firm, Host, Sdk, operations};
use crate::domain::Actor;
use crate::error::{Code, Error, Result};
use crate::json;
use crate::maybe_send::BoxFuture;
use crate::store::{refusal, require_admin};

impl<'a> Caller<'a> {
    /// The user, of an operation that is done for one.
    pub(super) fn actor(self, operation: Gate) -> Result<&'a Actor> {
        match self {
            Self::User(actor) => Ok(actor),
            // Of no firm, and so in no audit log.
            Self::Host => Err(Error::new(Code::NotAllowed).with("operation", operation.name).with("reason", "no_user")),
        }
    }

    /// Nothing that a user sends reaches an operation of the host. That one tried is in the audit
    /// log of their firm.
    pub(super) async fn require_host(self, sdk: &Sdk, operation: Gate) -> Result<()> {
        match self {
            Self::Host => Ok(()),
            Self::User(actor) => Err(refusal(&sdk.repository, actor, &actor.firm, operation.name, "host_only").await),
        }
    }
}

impl Sdk {
    /// The operations that a user of a firm may ask for.
    #[must_use]
    pub fn firm<'a>(&'a self, actor: &'a Actor) -> Firm<'a> {
        Firm { sdk: self, actor }
    }

    /// The operations of the service that embeds the SDK. A user's request MUST NOT choose their
    /// arguments unchecked.
    #[must_use]
    pub fn host(&self) -> Host<'_> {
        Host { sdk: self }
    }

    /// Runs the [operation](operations) of this name. `arguments` is a JSON object of its
    /// arguments; what is left out must be optional. Gives its result as JSON; an operation
    /// without one gives `{}`.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] with the `path` of what cannot be read, never its value. Beside the
    /// errors of its row, every operation can end with [`Code::NotAllowed`],
    /// [`Code::StoreFailed`], [`Code::StoreConflict`], [`Code::KeyFailed`] and
    /// [`Code::Stopped`].
    pub async fn call(&self, caller: Caller<'_>, operation: &str, arguments: &[u8]) -> Result<String> {
        operations::call(self, caller, operation, arguments).await
    }

    pub(super) async fn execute<T>(&self, operation: Gate, actor: &Actor, work: BoxFuture<'_, Result<T>>) -> Result<T> {
        let span = tracing::debug_span!("clio_operation", name = operation.name, firm = %actor.firm);
        let checked = async {
            if operation.access == Access::Admin {
                require_admin(&self.repository, actor, &actor.firm, operation.name).await?;
            }
            work.await
        };
        self.unless_cancelled(operation, checked.instrument(span)).await
    }

    pub(super) async fn execute_for_host<T>(&self, operation: Gate, work: BoxFuture<'_, Result<T>>) -> Result<T> {
        let span = tracing::debug_span!("clio_operation", name = operation.name);
        self.unless_cancelled(operation, work.instrument(span)).await
    }
}

/// Reads the arguments of an operation.
pub(super) fn read<T: DeserializeOwned>(arguments: &[u8]) -> Result<T> {
    json::read(arguments, Code::RequestInvalid)
}

/// Writes the result of an operation: always JSON, `{}` where there is nothing to tell.
pub(super) fn encode<T: Serialize + 'static>(result: &T) -> Result<String> {
    if TypeId::of::<T>() == TypeId::of::<()>() {
        return Ok(String::from("{}"));
    }
    serde_json::to_string(result).map_err(|_| Error::new(Code::Internal).with("reason", "result_not_encodable"))
}
