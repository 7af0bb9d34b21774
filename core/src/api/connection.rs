//! The connection: handlers of the operations in group `connection`.

use super::Sdk;
use super::results::{ConnectionInfo, RewrappedKeys};
use crate::domain::{Actor, ConnectionId};
use crate::error::Result;
use crate::lifecycle::ConnectStart;

pub(super) use super::health::get_health;

pub(super) async fn begin_connect(sdk: &Sdk, actor: &Actor, redirect_uri: String) -> Result<ConnectStart> {
    sdk.auth.begin(actor, &redirect_uri).await
}

pub(super) async fn begin_separate_connect(sdk: &Sdk, actor: &Actor, redirect_uri: String) -> Result<ConnectStart> {
    sdk.auth.begin_separate(actor, &redirect_uri).await
}

pub(super) async fn finish_connect(sdk: &Sdk, actor: &Actor, callback_query: String) -> Result<ConnectionInfo> {
    sdk.auth.finish(actor, &callback_query).await.map(ConnectionInfo::from)
}

pub(super) async fn get_connection(sdk: &Sdk, actor: &Actor) -> Result<Option<ConnectionInfo>> {
    Ok(sdk.auth.connection(&actor.firm).await?.map(ConnectionInfo::from))
}

pub(super) async fn disconnect(sdk: &Sdk, actor: &Actor, connection: Option<ConnectionId>) -> Result<ConnectionInfo> {
    sdk.auth.disconnect(actor, connection).await.map(ConnectionInfo::from)
}

pub(super) async fn rewrap_keys(sdk: &Sdk, actor: &Actor) -> Result<RewrappedKeys> {
    Ok(RewrappedKeys { keys: sdk.queue.ctx.keyring.rewrap(actor).await? })
}
