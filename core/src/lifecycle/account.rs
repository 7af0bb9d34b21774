//! Is it the Clio account that the firm was connected to before? Its links belong to that one.

use core::time::Duration;

use super::connect::{Connect, Failed};
use super::unused::Occasion;
use crate::clio::{AccessToken, CallLimits, SendOutcome, matters};
use crate::connection::account_scope::{AccountScope, ScopeName};
use crate::connection::{Connection, account_scope};
use crate::domain::FirmId;
use crate::error::{Code, Error, Result, Retry};
use crate::links::linked_matters;

/// Linked matters that are tried to tell one account from another: a person may have deleted some.
const MOST_READ_BACK: usize = 5;
const READ_BACK: CallLimits = CallLimits { timeout: Duration::from_secs(30), not_after: None };

impl Connect {
    /// Gives the connection the account scope of the earlier one, if both are of one account; with
    /// `separate` one of its own else.
    pub(super) async fn keep_account(
        &self,
        firm: &FirmId,
        earlier: &Connection,
        connection: &mut Connection,
        access: &AccessToken,
        shared_area: bool,
        separate: bool,
    ) -> Result<(), Failed> {
        let failed = |error| Failed { error, occasion: Occasion::Failed };
        let unknown = earlier.account.is_none() || connection.account.is_none();
        let scope = AccountScope::of(firm, earlier);
        let proven = unknown && (shared_area || self.reads_links(&scope, access).await.map_err(failed)?);
        match same_account(earlier, connection, proven) {
            Ok(()) => connection.link_set = earlier.link_set.clone(),
            // Of an account that is not known nobody could say later whether it is the same again.
            Err(_) if separate && connection.account.is_some() => {
                connection.link_set = self.separate_scope(connection, firm, access).await.map_err(failed)?;
            }
            Err(refusal) => return Err(refusal),
        }
        Ok(())
    }

    /// The set of another account than the last one: that which it had, or a new one.
    async fn separate_scope(&self, connection: &Connection, firm: &FirmId, token: &AccessToken) -> Result<ScopeName> {
        let account = connection.account.as_ref().map(|account| account.id);
        let mut sets = account_scope::all(&self.repository, firm).await?;
        sets.retain(|(_, whose)| whose.root == connection.root);
        if let Some((set, _)) = sets.iter().find(|(_, whose)| whose.account == account) {
            return Ok(set.clone());
        }
        // An account that did not say its name then, and does now.
        for (set, _) in sets.into_iter().filter(|(_, whose)| whose.account.is_none()) {
            let scope = AccountScope { firm: firm.clone(), set };
            if self.reads_links(&scope, token).await? {
                return Ok(scope.set);
            }
        }
        Ok(connection.link_set.clone())
    }

    /// Whether this token reads one of the matters that are linked.
    async fn reads_links(&self, scope: &AccountScope, token: &AccessToken) -> Result<bool> {
        for clio in linked_matters(&self.repository, scope, None, MOST_READ_BACK).await? {
            match self.clio.call(token, &matters::status(clio.1), READ_BACK).await {
                Ok(_) => return Ok(true),
                Err(failure) if failure.outcome == SendOutcome::Rejected && failure.error.retry() == Retry::Never => {}
                Err(failure) => return Err(failure.error),
            }
        }
        Ok(false)
    }
}

/// Refuses another account. Where one side's account is unknown and it is `proven` that they are
/// the same, the earlier identity is kept.
fn same_account(earlier: &Connection, new: &mut Connection, proven: bool) -> Result<(), Failed> {
    let another = |reason: &'static str| {
        let error = Error::new(Code::AccountMismatch).with("reason", reason);
        Err(Failed { error, occasion: Occasion::Refused })
    };
    if earlier.root != new.root {
        return another("another_region");
    }
    let error = match (&earlier.account, &new.account) {
        (Some(before), Some(now)) if before.id == now.id => return Ok(()),
        (Some(_), Some(_)) => return another("another_account"),
        _ if proven => {
            new.account = new.account.take().or_else(|| earlier.account.clone());
            return Ok(());
        }
        (None, Some(_)) => Error::new(Code::AccountMismatch).with("reason", "earlier_account_unknown"),
        (_, None) => Error::new(Code::AppPermissionMissing).with("reason", "account_unknown"),
    };
    // It may well be the same account, and then the earlier connection rests on it.
    Err(Failed { error, occasion: Occasion::Failed })
}
