-- Times are milliseconds since 1970 in UTC. A "run" is one sync of one organization; runs are
-- numbered in the order of their commits, so a state that began in run 7 and ended in run 9 was
-- true from the commit of 7 until that of 9.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys the hashes that leave this file: subjects of events, digests of tokens.
INSERT INTO meta VALUES ('key', randomblob(32));

-- AUTOINCREMENT: the subjects of events are made from this number, so it is never used again.
CREATE TABLE organizations (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    service     TEXT NOT NULL CHECK (service IN ('github', 'gitlab', 'bitbucket',
                    'github_enterprise', 'gitlab_enterprise', 'bitbucket_server')),
    owner       TEXT NOT NULL CHECK (owner <> ''),
    next_member INTEGER NOT NULL DEFAULT 1 CHECK (next_member >= 1),
    UNIQUE (service, owner)
) STRICT;

-- Consecutive runs of one outcome that brought no event are one row.
CREATE TABLE runs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    sync         BLOB    NOT NULL CHECK (length(sync) = 16),
    organization INTEGER NOT NULL REFERENCES organizations,
    outcome      TEXT    NOT NULL CHECK (outcome IN ('baselined', 'changed', 'unchanged', 'held', 'failed')),
    reason       TEXT    CHECK ((reason IS NOT NULL) = (outcome = 'failed')),
    message      TEXT    CHECK ((message IS NOT NULL) = (outcome = 'failed')),
    hint         TEXT    CHECK ((hint IS NOT NULL) = (outcome = 'failed')),
    started_at   INTEGER NOT NULL,                                     -- of the first
    finished_at  INTEGER NOT NULL,                                     -- of the first
    last_finished_at INTEGER NOT NULL,
    count        INTEGER NOT NULL DEFAULT 1 CHECK (count >= 1),
    events       INTEGER NOT NULL CHECK (events >= 0),
    requests     INTEGER NOT NULL CHECK (requests >= 0),               -- of all together
    CHECK (count = 1 OR events = 0)
) STRICT;
CREATE INDEX runs_of_organization ON runs (organization, id);

-- The roster that was committed last, as a whole.
CREATE TABLE rosters (
    organization    INTEGER PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
    read_at         INTEGER NOT NULL,                                  -- last seen to be so
    digest          BLOB    CHECK (length(digest) = 32),               -- of the rows, as they came
    members         INTEGER NOT NULL CHECK (members >= 0),
    seats           INTEGER NOT NULL CHECK (seats BETWEEN 0 AND members),
    admins          INTEGER NOT NULL CHECK (admins BETWEEN 0 AND members),
    unnamed_members INTEGER NOT NULL CHECK (unnamed_members >= 0),
    unnamed_seats   INTEGER NOT NULL CHECK (unnamed_seats BETWEEN 0 AND unnamed_members)
) STRICT;

-- Its rows that name nobody, as far as they leave a trace. Kept as of now only: they are no
-- members, but tell whether a row without a name is new.
CREATE TABLE unnamed_rows (
    organization INTEGER NOT NULL REFERENCES organizations ON DELETE CASCADE,
    position     INTEGER NOT NULL CHECK (position >= 0),
    email        TEXT,
    seat         INTEGER NOT NULL CHECK (seat IN (0, 1)),
    PRIMARY KEY (organization, position)
) STRICT, WITHOUT ROWID;

-- Its members: the state that each is in since the run `began`.
CREATE TABLE states (
    organization INTEGER NOT NULL REFERENCES organizations ON DELETE CASCADE,
    key          TEXT    NOT NULL CHECK (key <> ''),
    member       INTEGER NOT NULL CHECK (member >= 1),                 -- survives renames
    began        INTEGER NOT NULL REFERENCES runs,
    username     TEXT    CHECK (username <> key),                      -- where it is not the key
    name         TEXT,
    email        TEXT,
    seat         INTEGER NOT NULL CHECK (seat IN (0, 1)),
    admin        INTEGER NOT NULL CHECK (admin IN (0, 1)),
    PRIMARY KEY (organization, key)
) STRICT, WITHOUT ROWID;

-- The states that ended.
CREATE TABLE past_states (
    organization INTEGER NOT NULL REFERENCES organizations ON DELETE CASCADE,
    ended        INTEGER NOT NULL REFERENCES runs,
    member       INTEGER NOT NULL CHECK (member >= 1),
    began        INTEGER NOT NULL REFERENCES runs,
    key          TEXT    NOT NULL CHECK (key <> ''),
    username     TEXT    CHECK (username <> key),
    name         TEXT,
    email        TEXT,
    seat         INTEGER NOT NULL CHECK (seat IN (0, 1)),
    admin        INTEGER NOT NULL CHECK (admin IN (0, 1)),
    PRIMARY KEY (organization, ended, member),
    CHECK (began < ended)
) STRICT, WITHOUT ROWID;

-- How the syncs of an organization fare.
CREATE TABLE health (
    organization    INTEGER PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
    failures        INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),  -- in a row
    failing_since   INTEGER,
    told_at         INTEGER,                                           -- last `sync_failing`
    last_success_at INTEGER,
    postponed_until INTEGER,                                           -- the server's Retry-After
    read_twice      INTEGER NOT NULL DEFAULT 0 CHECK (read_twice IN (0, 1)), -- the next roster
    near_told       INTEGER CHECK (near_told >= 0),                    -- `seat_limit_near`, at so many
    reached_told    INTEGER CHECK (reached_told >= 0),                 -- `seat_limit_reached`
    CHECK ((failures = 0) = (failing_since IS NULL)),
    CHECK (told_at IS NULL OR failures > 0)
) STRICT;

-- Syncs that have begun. They mean something only while their process holds the lock.
CREATE TABLE under_way (
    organization INTEGER PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
    started_at   INTEGER NOT NULL
) STRICT;

-- What was last heard of the token's admin right.
CREATE TABLE proofs (
    organization INTEGER PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
    proven       BLOB    CHECK (length(proven) = 32),                  -- keyed digest of a token
    asked_at     INTEGER NOT NULL,
    answer       TEXT    NOT NULL CHECK (answer IN ('admin', 'not_admin', 'unknown'))
) STRICT;

-- A roster that waits for a person, as it was read last (`id`, `losses`) and as it was last
-- told (`told_id`, `told_losses`).
CREATE TABLE holds (
    organization INTEGER PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
    id           TEXT    NOT NULL,
    losses       TEXT    NOT NULL CHECK (json_valid(losses)),
    told_id      TEXT    NOT NULL,
    told_losses  TEXT    NOT NULL CHECK (json_valid(told_losses)),
    told_at      INTEGER NOT NULL,
    since        INTEGER NOT NULL,
    rejected_at  INTEGER
) STRICT;

CREATE TABLE approvals (
    organization INTEGER PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
    hold         TEXT    NOT NULL,
    losses       TEXT    NOT NULL CHECK (json_valid(losses)),
    approved_at  INTEGER NOT NULL
) STRICT;

-- All events, in commit order. AUTOINCREMENT, so that no sequence is ever used again.
CREATE TABLE log (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    sync         BLOB    NOT NULL CHECK (length(sync) = 16),
    position     INTEGER NOT NULL CHECK (position >= 0),
    organization INTEGER REFERENCES organizations,
    event        TEXT    NOT NULL,
    subject      TEXT,
    source       TEXT    NOT NULL,
    time         INTEGER NOT NULL,
    data         TEXT    NOT NULL
) STRICT;

-- Every lane of every sink, and how far in the log it has come.
CREATE TABLE lanes (
    id       INTEGER PRIMARY KEY,
    sink     TEXT    NOT NULL,
    lane     TEXT    NOT NULL,
    cursor   INTEGER NOT NULL CHECK (cursor >= 0),
    disabled TEXT,                                                     -- why it was stopped
    config   BLOB    CHECK ((config IS NULL) = (disabled IS NULL)),    -- digest of what stopped it
    UNIQUE (sink, lane)
) STRICT;

-- The delivery that a lane has cut and not yet got rid of.
CREATE TABLE deliveries (
    lane            INTEGER PRIMARY KEY REFERENCES lanes ON DELETE CASCADE,
    id              TEXT    NOT NULL,
    first           INTEGER NOT NULL,
    last            INTEGER NOT NULL,
    filter          TEXT    NOT NULL CHECK (json_valid(filter)),       -- the one it was cut with
    attempt         INTEGER NOT NULL CHECK (attempt >= 1),
    first_failed_at INTEGER,
    next_attempt_at INTEGER,
    reason          TEXT,
    CHECK (first <= last),
    CHECK ((first_failed_at IS NULL) = (reason IS NULL)),
    CHECK ((next_attempt_at IS NULL) = (reason IS NULL))
) STRICT;

-- Events that a sink will not take.
CREATE TABLE dead_letters (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    sink     TEXT    NOT NULL,
    lane     TEXT    NOT NULL,
    sequence INTEGER NOT NULL,
    event    TEXT    NOT NULL CHECK (json_valid(event)),
    reason   TEXT    NOT NULL,
    died_at  INTEGER NOT NULL
) STRICT;
