//! The organizations that were ever synced, and the key that keeps what is said of them opaque.

use hmac::{Hmac, KeyInit as _, Mac as _};
use rusqlite::OptionalExtension as _;
use sha2::Sha256;

use super::{Tx, View};
use crate::organization::OrganizationId;

/// The number of an organization in this store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Organization(pub(super) i64);

/// A key that never leaves the store: only hashes made with it do.
#[derive(Clone)]
pub struct SecretKey(Hmac<Sha256>);

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl SecretKey {
    fn new(key: [u8; 32]) -> Self {
        Self(Hmac::new_from_slice(&key).expect("HMAC takes keys of any length"))
    }

    /// A digest that tells whether two texts are equal, and nothing else about them.
    pub fn digest(&self, purpose: &str, text: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(text);
        mac.finalize().into_bytes().into()
    }

    /// The opaque name of a member, which stands in events and survives renames.
    pub(super) fn subject(&self, organization: Organization, member: i64) -> String {
        let digest = self.digest("subject", format!("{}:{member}", organization.0).as_bytes());
        let (head, _) = digest.split_first_chunk().expect("a digest has 32 bytes");
        format!("m-{:016x}", u64::from_be_bytes(*head))
    }
}

impl View<'_> {
    /// The store's own key.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn key(&self) -> rusqlite::Result<SecretKey> {
        let mut statement = self.0.prepare_cached("SELECT value FROM meta WHERE name = 'key'")?;
        statement.query_row([], |row| row.get(0)).map(SecretKey::new)
    }

    /// The number of an organization, if it was ever synced.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn find(&self, id: &OrganizationId) -> rusqlite::Result<Option<Organization>> {
        let mut statement = self
            .0
            .prepare_cached("SELECT id FROM organizations WHERE service = ?1 AND owner = ?2")?;
        let found = statement.query_row((id.service().word(), id.owner()), |row| row.get(0));
        Ok(found.optional()?.map(Organization))
    }
}

impl Tx<'_> {
    /// The number of an organization, which gets one now if it has none.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn organization(&self, id: &OrganizationId) -> rusqlite::Result<Organization> {
        if let Some(found) = self.find(id)? {
            return Ok(found);
        }
        let mut statement = self.0.0.prepare_cached(
            "INSERT INTO organizations (service, owner) VALUES (?1, ?2) RETURNING id",
        )?;
        statement.query_row((id.service().word(), id.owner()), |row| row.get(0)).map(Organization)
    }
}
