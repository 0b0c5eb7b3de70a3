//! What the same work costs at least: programs of one purpose each, without a word of explanation
//! for anything that goes wrong.
//!
//! They use the same libraries, the same number of requests at a time and the same journal mode.
//! Whoever finds shorter code for one of them makes the comparison better.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::mpsc;

use futures_util::{StreamExt as _, stream};
use reqwest::Client;
use rusqlite::{Connection, Transaction, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::pages::{self, Scale};

/// As many at a time as seatwatch syncs organizations.
const AT_A_TIME: usize = 4;

/// The command that runs one of these programs.
pub(crate) fn command(role: &[&str]) -> Vec<String> {
    let program = std::env::current_exe().unwrap().display().to_string();
    [&[&program, "--role"], role].concat().into_iter().map(str::to_owned).collect()
}

/// Fetches all pages and hashes them.
pub(crate) fn transfer(base_url: &str, scale: Scale) {
    fetch(base_url, scale, |_, pages| {
        let mut hasher = Sha256::new();
        for page in &pages {
            hasher.update(page);
        }
        std::hint::black_box(hasher.finalize());
    });
}

/// Asks for so many members who are not there, one after the other.
pub(crate) fn look_ups(base_url: &str, count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = client();
    runtime.block_on(async {
        for number in 0..count {
            let url = format!("{base_url}/api/v2/github/org-0/users/nobody-{number}/");
            client.get(url).send().await.unwrap().bytes().await.unwrap();
        }
    });
}

fn client() -> Client {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    Client::builder().tls_certs_only([]).build().unwrap()
}

/// All pages of every organization, in no order of the organizations.
fn fetch(
    base_url: &str,
    scale: Scale,
    visit: impl Fn(usize, Vec<Vec<u8>>) + Clone + Send + 'static,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let client = client();
    let all = (0..scale.organizations).map(|organization| {
        let (client, visit, base_url) = (client.clone(), visit.clone(), base_url.to_owned());
        runtime.spawn(async move {
            let page_size = scale.page_size();
            let mut pages = Vec::new();
            for page in 1..=scale.members.div_ceil(page_size) {
                let url = format!("{base_url}{}", pages::path(organization, page, page_size));
                let answer = client.get(url).send().await.unwrap();
                let mut body = Vec::new();
                let mut answer = answer.error_for_status().unwrap();
                body.reserve(answer.content_length().unwrap_or(0).try_into().unwrap());
                while let Some(chunk) = answer.chunk().await.unwrap() {
                    body.extend_from_slice(&chunk);
                }
                pages.push(body);
            }
            visit(organization, pages);
        })
    });
    let mut all = stream::iter(all).buffer_unordered(AT_A_TIME);
    runtime.block_on(async { while all.next().await.transpose().unwrap().is_some() {} });
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    results: Vec<Row<'a>>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
struct Row<'a> {
    username: &'a str,
    name: Option<&'a str>,
    email: Option<&'a str>,
    activated: bool,
    is_admin: bool,
}

/// Transfer, parse, sort, and what changed into a database and a file. Organizations that have
/// been fetched while others were written share a transaction.
pub(crate) fn raw(is_first: bool, base_url: &str, scale: Scale, directory: &Path) {
    let mut connection = Connection::open(directory.join("raw.db")).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    if is_first {
        connection
            .execute_batch(
                "CREATE TABLE states (organization INTEGER NOT NULL, key TEXT NOT NULL, name TEXT,
                     email TEXT, seat INTEGER NOT NULL, admin INTEGER NOT NULL,
                     PRIMARY KEY (organization, key)) WITHOUT ROWID;
                 CREATE TABLE log (sequence INTEGER PRIMARY KEY, data TEXT NOT NULL)",
            )
            .unwrap();
    }
    let (fetched, to_write) = mpsc::channel::<(usize, Vec<Vec<u8>>)>();
    let file = File::options().create(true).append(true).open(directory.join("raw.ndjson"));
    let mut file = BufWriter::with_capacity(1 << 16, file.unwrap());
    let writer = std::thread::spawn(move || {
        while let Ok(first) = to_write.recv() {
            let transaction = connection.transaction().unwrap();
            write(&transaction, &mut file, first);
            while let Ok(next) = to_write.try_recv() {
                write(&transaction, &mut file, next);
            }
            transaction.commit().unwrap();
        }
        file.into_inner().unwrap().sync_data().unwrap();
    });
    fetch(base_url, scale, move |organization, pages| {
        let mut hasher = Sha256::new();
        for page in &pages {
            hasher.update(page);
        }
        std::hint::black_box(hasher.finalize());
        fetched.send((organization, pages)).unwrap();
    });
    writer.join().unwrap();
}

fn write(
    transaction: &Transaction<'_>,
    file: &mut impl std::io::Write,
    (organization, pages): (usize, Vec<Vec<u8>>),
) {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for page in &pages {
        rows.extend(serde_json::from_slice::<Page<'_>>(page).unwrap().results);
    }
    rows.sort_unstable_by_key(|row| row.username);
    let sql = |sql| transaction.prepare_cached(sql).unwrap();
    let mut insert = sql("INSERT INTO states VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    let mut update = sql("UPDATE states SET name = ?3, email = ?4, seat = ?5, admin = ?6
                          WHERE organization = ?1 AND key = ?2");
    let mut delete = sql("DELETE FROM states WHERE organization = ?1 AND key = ?2");
    let mut known = sql("SELECT key, name, email, seat, admin FROM states
                         WHERE organization = ?1 ORDER BY key");
    let mut log = sql("INSERT INTO log (data) VALUES (?1)");
    let owner = pages::organization_name(organization);
    let mut tell = |event: &'static str, before: Option<Row<'_>>, after: Option<Row<'_>>| {
        let data = serde_json::to_string(&Data::new(event, &owner, before, after)).unwrap();
        log.execute([&data]).unwrap();
        writeln!(
            file,
            r#"{{"specversion":"1.0","id":"01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88-0003","source":"/seatwatch/bench/codecov/github/{owner}","type":"dev.seatwatch.{event}.v1","subject":"m-4f1c9a2be07d5513","time":"2026-11-23T10:00:04.120Z","datacontenttype":"application/json","sequence":"{:020}","correlationid":"01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88","data":{data}}}"#,
            transaction.last_insert_rowid()
        )
        .unwrap();
    };
    let mut tell_all = |before: Option<Row<'_>>, after: Option<Row<'_>>| {
        let bits = |row: Option<Row<'_>>| {
            [row.is_some(), row.is_some_and(|r| r.activated), row.is_some_and(|r| r.is_admin)]
        };
        let words =
            [("joined", "left"), ("seat_gained", "seat_lost"), ("admin_granted", "admin_revoked")];
        for ((old, new), (gained, lost)) in bits(before).into_iter().zip(bits(after)).zip(words) {
            if old != new {
                tell(if new { gained } else { lost }, before, after);
            }
        }
    };
    let mut add = |row: &Row<'_>| {
        let Row { username, name, email, activated, is_admin } = *row;
        insert.execute(params![organization, username, name, email, activated, is_admin]).unwrap();
    };
    let mut rows = rows.iter().peekable();
    let mut known = known.query([organization]).unwrap();
    // A statement that reads must not meet its own writes, so these come after it.
    let mut changed = Vec::new();
    let mut left = Vec::new();
    while let Some(old) = known.next().unwrap() {
        let text = |column| old.get_ref_unwrap(column).as_str_or_null().unwrap();
        let old = Row {
            username: text(0).unwrap(),
            name: text(1),
            email: text(2),
            activated: old.get_unwrap(3),
            is_admin: old.get_unwrap(4),
        };
        while let Some(new) = rows.next_if(|new| new.username < old.username) {
            changed.push(new);
            tell_all(None, Some(*new));
        }
        match rows.next_if(|new| new.username == old.username) {
            Some(new) if *new == old => {}
            Some(new) => {
                changed.push(new);
                tell_all(Some(old), Some(*new));
            }
            None => {
                left.push(old.username.to_owned());
                tell_all(Some(old), None);
            }
        }
    }
    for new in rows {
        add(new);
        tell_all(None, Some(*new));
    }
    for row in changed {
        let Row { username, name, email, activated, is_admin } = *row;
        let values = params![organization, username, name, email, activated, is_admin];
        if update.execute(values).unwrap() == 0 {
            add(row);
        }
    }
    for key in left {
        delete.execute(params![organization, key]).unwrap();
    }
}

/// What an event tells, in the words and the order of the real ones.
#[derive(Serialize)]
struct Data<'a> {
    event: &'a str,
    organization: Organization<'a>,
    member: Option<Member<'a>>,
    before: Option<Profile<'a>>,
    after: Option<Profile<'a>>,
    totals: Totals,
    previous_totals: Totals,
    since: &'a str,
}

#[derive(Serialize)]
struct Organization<'a> {
    service: &'a str,
    owner: &'a str,
}

#[derive(Serialize)]
struct Profile<'a> {
    username: &'a str,
    name: Option<&'a str>,
    email: Option<&'a str>,
    seat: bool,
    admin: bool,
}

#[derive(Serialize)]
struct Member<'a> {
    #[serde(flatten)]
    profile: Profile<'a>,
    status: &'a str,
}

/// The figures are made up: it is their length that counts.
#[derive(Serialize)]
struct Totals {
    members: u32,
    seats: u32,
    admins: u32,
    unnamed: [u32; 2],
}

impl<'a> Data<'a> {
    fn new(
        event: &'a str,
        owner: &'a str,
        before: Option<Row<'a>>,
        after: Option<Row<'a>>,
    ) -> Self {
        let profile = |row: Row<'a>| Profile {
            username: row.username,
            name: row.name,
            email: row.email,
            seat: row.activated,
            admin: row.is_admin,
        };
        let totals = || Totals {
            members: 100_000,
            seats: 60_000,
            admins: 2_500,
            unnamed: [100_000, 100_000],
        };
        Self {
            event,
            organization: Organization { service: "github", owner },
            member: after.or(before).map(|row| Member {
                profile: profile(row),
                status: if row.activated { "enabled" } else { "disabled" },
            }),
            before: before.map(profile),
            after: after.map(profile),
            totals: totals(),
            previous_totals: totals(),
            since: "2026-11-23T09:00:03.870Z",
        }
    }
}
