//! The organizations that were ever synced, and the key that keeps what is said of them opaque.

use hmac::{Hmac, KeyInit as _, Mac as _};
use rusqlite::OptionalExtension as _;
use sha2::Sha256;

use super::{Tx, View, unreadable};
use crate::organization::{OrganizationId, Service};

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

    /// The name of an organization.
    ///
    /// # Errors
    ///
    /// The disk or the database failed, or there is no such organization any more.
    pub fn id(&self, organization: Organization) -> rusqlite::Result<OrganizationId> {
        let mut statement =
            self.0.prepare_cached("SELECT service, owner FROM organizations WHERE id = ?1")?;
        statement.query_row([organization.0], |row| {
            let service: Service = row.get_ref(0)?.as_str()?.parse().map_err(unreadable)?;
            OrganizationId::new(service, row.get_ref(1)?.as_str()?).map_err(unreadable)
        })
    }

    /// All organizations of which anything is known, in the order of their names.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn organizations(&self) -> rusqlite::Result<Vec<OrganizationId>> {
        let mut statement = self
            .0
            .prepare_cached("SELECT service, owner FROM organizations ORDER BY service, owner")?;
        let rows = statement.query_map([], |row| {
            let (service, owner): (String, String) = (row.get(0)?, row.get(1)?);
            let service: Service = service.parse().map_err(unreadable)?;
            OrganizationId::new(service, &owner).map_err(unreadable)
        })?;
        rows.collect()
    }

    /// The number of an organization that has another name since: its own, or where no roster is
    /// known under that, the one that it will take over at the next sync.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn find_renamed(
        &self,
        id: &OrganizationId,
        formerly: Option<&OrganizationId>,
    ) -> rusqlite::Result<Option<Organization>> {
        let own = self.find(id)?;
        let Some(former) = formerly.map(|former| self.find(former)).transpose()?.flatten() else {
            return Ok(own);
        };
        match own {
            Some(own) if self.roster_state(own)?.is_some() => Ok(Some(own)),
            _ if self.roster_state(former)?.is_some() => Ok(Some(former)),
            own => Ok(own),
        }
    }
}

/// What came of carrying a history over to another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// It goes on under the new name.
    Whole,
    /// There is none under the old name, or not any more.
    Nothing,
    /// Both have one: each stays as it is.
    BothKnown,
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

    /// Carries the history of `old` over to `new`. What is known of `new` without a roster, such
    /// as that its syncs failed, becomes a part of it.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn carry_over(
        &self,
        old: &OrganizationId,
        new: &OrganizationId,
    ) -> rusqlite::Result<Carried> {
        let known = |id| {
            let number = self.find(id)?;
            let has_roster =
                |number| Ok::<_, rusqlite::Error>(self.roster_state(number)?.is_some());
            Ok::<_, rusqlite::Error>((number, number.map(has_roster).transpose()?.unwrap_or(false)))
        };
        let ((Some(old), true), (other, is_known)) = (known(old)?, known(new)?) else {
            return Ok(Carried::Nothing);
        };
        if is_known {
            return Ok(Carried::BothKnown);
        }
        if let Some(other) = other {
            self.absorb(old, other)?;
        }
        let mut rename = self
            .0
            .0
            .prepare_cached("UPDATE organizations SET service = ?2, owner = ?3 WHERE id = ?1")?;
        rename.execute((old.0, new.service().word(), new.owner()))?;
        Ok(Carried::Whole)
    }

    /// Makes what is known of an organization without a roster a part of another's history.
    fn absorb(&self, organization: Organization, other: Organization) -> rusqlite::Result<()> {
        for sql in [
            "UPDATE runs SET organization = ?1 WHERE organization = ?2",
            "UPDATE log SET organization = ?1 WHERE organization = ?2",
            "UPDATE dead_letters SET organization = ?1 WHERE organization = ?2",
            // Who was told that it fails under the new name has to be told when it recovers.
            "UPDATE health
             SET (failures, failing_since, told_at, postponed_until, read_twice) =
                 (SELECT failures, failing_since, told_at, postponed_until, read_twice
                  FROM health WHERE organization = ?2)
             WHERE organization = ?1 AND told_at IS NULL
               AND EXISTS (SELECT 1 FROM health WHERE organization = ?2)",
        ] {
            self.0.0.execute(sql, (organization.0, other.0))?;
        }
        self.0.0.execute("DELETE FROM organizations WHERE id = ?1", [other.0]).map(drop)
    }
}
