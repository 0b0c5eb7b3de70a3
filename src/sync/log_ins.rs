//! Who of an organization is logged in: asked beside the syncs, and remembered nowhere.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::SyncError;
use crate::clock::Clock;
use crate::codecov::{Server, Sessions};
use crate::config::Organization;

/// Reads the log-in sessions of everybody in an organization, within `time` in all.
///
/// Writes nothing. Cancel-safe.
///
/// # Errors
///
/// The token cannot be read or is not an admin's, or Codecov did not give the whole list.
pub async fn read_log_ins(
    organization: &Organization,
    server: &Server,
    clock: Arc<dyn Clock>,
    time: Duration,
) -> Result<Sessions, SyncError> {
    let token = SecretString::from(organization.token.read()?.expose());
    let deadline = tokio::time::Instant::now() + time;
    let session = server.session(&organization.id, token, clock, deadline);
    Ok(session.read_log_ins().await?)
}
