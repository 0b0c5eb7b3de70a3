//! Who may ask: basic auth with passwords of which only bcrypt hashes are known.
//!
//! A hash is slow to check on purpose. So a password that was right is known again by a keyed
//! digest, in memory alone; checks run beside the connections, few at a time; and one address has
//! few of them waiting. Whoever guesses takes turns, and holds up neither who is known already nor
//! for long who is not. A name that nobody has costs as much as one that somebody has.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use headers::authorization::Basic;
use headers::{Authorization, HeaderMapExt as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use rustls::crypto::ring;
use sha2::Sha256;
use tokio::sync::Semaphore;

use super::places::Places;
use crate::config::PasswordHash;

/// Passwords of one address that wait to be checked.
const WAITING: usize = 8;

/// Between two lines of the log about passwords that were wrong.
const QUIET: Duration = Duration::from_secs(10);

type Digest = [u8; 32];

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// No user, or not with this password.
    Unknown,
    /// Too many passwords from this address are waiting to be checked.
    Hasty,
}

/// Those who may ask; at least one.
pub(super) struct Users {
    hashes: BTreeMap<String, PasswordHash>,
    /// For digests that nobody can make who does not know it.
    key: Digest,
    /// With which password each user was last let in.
    proven: Mutex<HashMap<String, Digest>>,
    /// Checks at the same time.
    turns: Arc<Semaphore>,
    waiting: Places,
    failures: Failures,
}

impl Users {
    /// None where everybody may ask.
    pub(super) fn new(hashes: &BTreeMap<String, PasswordHash>) -> Option<Self> {
        let mut key = Digest::default();
        let random = ring::default_provider().secure_random;
        random.fill(&mut key).expect("hash maps need random numbers of the system, too");
        let turns = thread::available_parallelism().map_or(1, |all| (all.get() / 2).max(1));
        (!hashes.is_empty()).then(|| Self {
            hashes: hashes.clone(),
            key,
            proven: Mutex::default(),
            turns: Arc::new(Semaphore::new(turns)),
            waiting: Places::new(WAITING),
            failures: Failures::default(),
        })
    }

    /// Finds out whether whoever asks is one of them. Waits for its turn where a password has to be
    /// checked. Cancel-safe.
    pub(super) async fn admit(&self, peer: IpAddr, headers: &HeaderMap) -> Result<(), Stranger> {
        let credentials = credentials(headers).ok_or(Stranger::Unknown)?;
        let (user, password) = (credentials.username(), credentials.password());
        let digest = self.digest(&[user, password]);
        if self.is_proven(user, &digest) {
            return Ok(());
        }
        let _waiting = self.waiting.take(peer).ok_or(Stranger::Hasty)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.expect("the semaphore is never closed");
        // Whoever came just before may have brought the same.
        if self.is_proven(user, &digest) {
            return Ok(());
        }
        let known = self.hashes.get(user);
        let hash = known.unwrap_or_else(|| self.anybody(user)).clone();
        let password = password.to_owned();
        let checked = tokio::task::spawn_blocking(move || {
            // Kept to the end, also where nobody waits for it any more.
            let _turn = turn;
            bcrypt::verify(password, hash.expose()).unwrap_or(false)
        });
        let is_right = checked.await.unwrap_or(false);
        if known.is_some() && is_right {
            self.prove(user, digest);
            return Ok(());
        }
        self.failures.note(peer);
        Err(Stranger::Unknown)
    }

    /// The hash to check for somebody who is nobody: always the same for a name, so that names that
    /// nobody has take as long as those that somebody has.
    fn anybody(&self, user: &str) -> &PasswordHash {
        let [number, ..] = self.digest(&[user]);
        let index = usize::from(number) % self.hashes.len();
        self.hashes.values().nth(index).expect("the index is below the number of hashes")
    }

    fn digest(&self, parts: &[&str]) -> Digest {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length will do");
        for part in parts {
            // With its length, no part can pass for the end of another.
            mac.update(&part.len().to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    /// How long the comparison takes tells nothing: nobody else can make digests.
    fn is_proven(&self, user: &str, digest: &Digest) -> bool {
        self.proven.lock().unwrap_or_else(PoisonError::into_inner).get(user) == Some(digest)
    }

    fn prove(&self, user: &str, digest: Digest) {
        let mut proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.insert(user.to_owned(), digest);
    }
}

/// Name and password, where there is exactly one header that has them.
fn credentials(headers: &HeaderMap) -> Option<Authorization<Basic>> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    match (all.next(), all.next()) {
        (Some(_), None) => headers.typed_get(),
        _ => None,
    }
}

/// Tells the log of passwords that were wrong: the first, and then how many there were.
#[derive(Default)]
struct Failures(Mutex<(Option<Instant>, u64)>);

impl Failures {
    fn note(&self, peer: IpAddr) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (told, attempts) = &mut *failures;
        *attempts += 1;
        if told.is_none_or(|told| told.elapsed() >= QUIET) {
            tracing::warn!(%peer, attempts, "wrong user or password on the HTTP endpoints");
            (*told, *attempts) = (Some(Instant::now()), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(names: &[&str]) -> Users {
        let hash = |name: &&str| {
            // Their costs differ, so that it shows which one is checked.
            let cost = 3 + u32::try_from(name.len()).unwrap();
            (name.to_string(), bcrypt::hash("right", cost).unwrap().parse().unwrap())
        };
        Users::new(&names.iter().map(hash).collect()).unwrap()
    }

    /// How long an answer takes does not tell who is a user: for each name it is as long as for
    /// some user, and every time the same.
    #[test]
    fn who_is_nobody_costs_what_somebody_costs() {
        let users = users(&["a", "bb", "ccc"]);
        let all: Vec<&PasswordHash> = users.hashes.values().collect();
        let names: Vec<String> = (0..100).map(|number| format!("nobody-{number}")).collect();
        let costs: Vec<&PasswordHash> = names.iter().map(|name| users.anybody(name)).collect();
        assert!(all.iter().all(|hash| costs.contains(hash)), "some cost gives users away");
        assert!(names.iter().map(|name| users.anybody(name)).eq(costs));
    }

    #[test]
    fn a_password_is_known_for_its_user_alone() {
        let users = users(&["ann", "bob"]);
        let digest = users.digest(&["ann", "right"]);
        users.prove("ann", digest);
        assert!(users.is_proven("ann", &digest));
        assert!(!users.is_proven("bob", &digest));
        for other in [["ann", "wrong"], ["annr", "ight"], ["", "annright"]] {
            assert!(!users.is_proven("ann", &users.digest(&other)));
        }
        // Another one that is right, as all are that begin with the same 72 bytes, takes its place.
        users.prove("ann", users.digest(&["ann", "long"]));
        assert!(!users.is_proven("ann", &digest) && users.proven.lock().unwrap().len() == 1);
    }
}
