-- Organizations that a rule of `discover` found in the listing of a token, and that are watched
-- since then. They are kept when they vanish from it. Not those of `organizations`, of which
-- something may be known without a sync: these here may not have had one yet.
CREATE TABLE discovered (
    service     TEXT    NOT NULL CHECK (service <> ''),
    owner       TEXT    NOT NULL CHECK (owner <> ''),
    last_seen   INTEGER NOT NULL,                              -- in a listing that was whole
    missed      INTEGER NOT NULL CHECK (missed >= 0),          -- whole listings since, without it
    vanished_at INTEGER,                                       -- when that was told
    empty_at    INTEGER,                                       -- asked then, it had no members
    PRIMARY KEY (service, owner)
) STRICT, WITHOUT ROWID;

-- How the look-ups of those listings fare, by git service.
CREATE TABLE lookups (
    service       TEXT    PRIMARY KEY CHECK (service <> ''),
    last_success_at INTEGER,
    failures      INTEGER NOT NULL CHECK (failures >= 0),      -- in a row
    failing_since INTEGER CHECK ((failing_since IS NOT NULL) = (failures > 0)),
    reason        TEXT    CHECK ((reason IS NOT NULL) = (failures > 0)),
    message       TEXT    CHECK ((message IS NOT NULL) = (failures > 0)),
    hint          TEXT    CHECK ((hint IS NOT NULL) = (failures > 0))
) STRICT, WITHOUT ROWID;
