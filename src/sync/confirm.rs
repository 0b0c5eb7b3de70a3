//! Asks Codecov again before anybody is believed to be gone.
//!
//! Presence on a roster is proof, absence is not: the server counts and selects in separate
//! statements over a live table, so even one whole page can miss somebody who never left
//! (`docs/CODECOV_API.md` section 8). Whoever is found in the end stays, with the row found last.

use crate::codecov::{
    Complete, Digest, Error, LastRead, Reading, Reason, Session, can_be_looked_up,
};
use crate::roster::{Losses, Member, Roster, Username};

use super::bounds::Bounds;
use super::diff::Diff;

/// Up to so many names are looked up one by one; more are read anew.
const MOST_LOOK_UPS: usize = 100;

/// So many walks must lack a member that was not looked up.
const WALKS: u32 = 3;

/// A roster as it was read, and the digest that it has if it is exactly what the server sent.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) roster: Complete<Roster>,
    pub(super) digest: Option<Digest>,
}

/// A difference whose absences were confirmed, as far as it can be committed at all.
#[derive(Debug)]
pub(super) struct Confirmed {
    diff: Diff,
    digest: Option<Digest>,
}

impl Confirmed {
    /// A first roster, which nobody can be missing from.
    pub(super) fn first(read: Read) -> Self {
        let diff = Diff::between(Roster::default(), read.roster.into_inner());
        Self { diff, digest: read.digest }
    }

    /// Whether somebody would be told to be gone.
    pub(super) fn has_leavers(&self) -> bool {
        self.diff.changes().any(|change| change.after.is_none())
    }

    /// Whether somebody is not listed.
    fn lacks(&self, username: &Username) -> bool {
        self.diff.after().get(username.key()).is_none()
    }

    /// The same with these, each of whom was looked up once.
    fn with(self, found: Vec<Member>) -> Self {
        if found.is_empty() {
            return self;
        }
        let found = Roster::new(found, Vec::new()).expect("each name was looked up once");
        let (before, after) = self.diff.into_rosters();
        Self { diff: Diff::between(before, after.union(found)), digest: None }
    }

    pub(super) fn into_parts(self) -> (Diff, Option<Digest>) {
        (self.diff, self.digest)
    }

    #[cfg(test)]
    pub(super) fn for_test(diff: Diff) -> Self {
        Self { diff, digest: None }
    }
}

/// Compares, and confirms that the absent are gone.
///
/// Losses out of bounds are confirmed by one more walk only: a roster that will be held costs
/// the server no hundred look-ups.
///
/// # Errors
///
/// Codecov did not answer a question that had to be asked; nothing can be said of the roster.
pub(super) async fn confirm(
    session: &Session,
    before: Roster,
    read: Read,
    bounds: Bounds,
    approved: Option<&Losses>,
) -> Result<Confirmed, Error> {
    let diff = Diff::between(before, read.roster.into_inner());
    let mut confirmed = Confirmed { diff, digest: read.digest };
    let mut walks = 1;
    if bounds.exceeded_by(&confirmed.diff.losses(), approved) {
        confirmed = walk_again(session, confirmed).await?;
        walks += 1;
        if bounds.exceeded_by(&confirmed.diff.losses(), approved) {
            return Ok(confirmed);
        }
    }
    let (mut confirmed, doubtful) = look_up(session, confirmed).await?;
    while walks < WALKS && doubtful.iter().any(|username| confirmed.lacks(username)) {
        confirmed = walk_again(session, confirmed).await?;
        walks += 1;
    }
    Ok(confirmed)
}

/// Asks for the absent by name. Who is found is listed from then on, whatever becomes of the other
/// questions; of those who come along nothing was learnt, so that only walks can tell.
async fn look_up(
    session: &Session,
    confirmed: Confirmed,
) -> Result<(Confirmed, Vec<Username>), Error> {
    let absent: Vec<_> = confirmed.diff.absent().map(|m| Username::new(m.username())).collect();
    if absent.len() > MOST_LOOK_UPS {
        return Ok((confirmed, absent));
    }
    // The walks need time, too. Whoever has none left is doubtful.
    let until = session.halfway();
    let (absent, mut doubtful): (Vec<_>, Vec<_>) = absent.into_iter().partition(can_be_looked_up);
    let (mut found, mut not_found) = (Vec::new(), Vec::new());
    for username in absent {
        let looked_up = tokio::time::timeout_at(until, session.look_up(&username)).await;
        match looked_up.map_or(Ok(None), answered)? {
            Some(Some(member)) => found.push(member),
            Some(None) => not_found.push(username),
            None => doubtful.push(username),
        }
    }
    // The 404 of a name is also that of an organization which the token has lost.
    if !not_found.is_empty() && answered(session.still_listed().await)?.is_none() {
        doubtful.append(&mut not_found);
    }
    Ok((confirmed.with(found), doubtful))
}

/// What was answered; nothing where the server could not. A name that it cannot look up must not
/// block all the others for ever. A server that is away fails the walk that follows.
fn answered<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Err(error)
            if matches!(
                error.reason(),
                Reason::BadResponse
                    | Reason::Inconsistent
                    | Reason::ServerError
                    | Reason::Timeout
                    | Reason::Unreachable
            ) =>
        {
            tracing::debug!(%error, "nothing was learnt, so that the list is to tell");
            Ok(None)
        }
        answer => answer.map(Some),
    }
}

async fn walk_again(session: &Session, confirmed: Confirmed) -> Result<Confirmed, Error> {
    let rows = confirmed.diff.after().rows() as u64;
    let last = LastRead { rows, digest: confirmed.digest };
    match session.read_roster(Some(&last)).await? {
        Reading::Same => Ok(confirmed),
        Reading::New { roster, .. } => {
            let (before, after) = confirmed.diff.into_rosters();
            let diff = Diff::between(before, after.union(roster.into_inner()));
            Ok(Confirmed { diff, digest: None })
        }
    }
}
