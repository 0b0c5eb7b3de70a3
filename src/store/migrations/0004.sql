-- What a review asks: since when, how many at a time, and when nobody looked.

-- The sums of each roster that had others than the one before, in the order of their commits.
-- Unlike members, rows without a name leave no other trace than these.
CREATE TABLE sums (
    id              INTEGER PRIMARY KEY,
    organization    INTEGER NOT NULL REFERENCES organizations ON DELETE CASCADE,
    at              INTEGER NOT NULL,
    members         INTEGER NOT NULL CHECK (members >= 0),
    seats           INTEGER NOT NULL CHECK (seats BETWEEN 0 AND members),
    admins          INTEGER NOT NULL CHECK (admins BETWEEN 0 AND members),
    unnamed_members INTEGER NOT NULL CHECK (unnamed_members >= 0),
    unnamed_seats   INTEGER NOT NULL CHECK (unnamed_seats BETWEEN 0 AND unnamed_members)
) STRICT;
CREATE INDEX sums_of_organization ON sums (organization, id);

-- Those of the past, as far as the events tell: what was before the first of them,
INSERT INTO sums (organization, at, members, seats, admins, unnamed_members, unnamed_seats)
SELECT organization, coalesce((SELECT min(finished_at) FROM runs
                               WHERE runs.organization = first.organization
                                 AND outcome = 'baselined'), time),
       totals ->> 'members', totals ->> 'seats', totals ->> 'admins',
       totals ->> '$.unnamed.members', totals ->> '$.unnamed.seats'
FROM (SELECT organization, time, data -> 'previous_totals' AS totals, min(sequence)
      FROM log WHERE data ->> '$.totals.members' IS NOT NULL GROUP BY organization) AS first
WHERE organization IS NOT NULL AND totals ->> 'members' IS NOT NULL;

-- what each of them brought,
INSERT INTO sums (organization, at, members, seats, admins, unnamed_members, unnamed_seats)
SELECT organization, time, totals ->> 'members', totals ->> 'seats', totals ->> 'admins',
       totals ->> '$.unnamed.members', totals ->> '$.unnamed.seats'
FROM (SELECT sequence, organization, time, data -> 'totals' AS totals,
             lag(data -> 'totals') OVER (PARTITION BY organization ORDER BY sequence) AS last
      FROM log
      WHERE organization IS NOT NULL AND data ->> '$.totals.members' IS NOT NULL)
WHERE totals IS NOT last
ORDER BY sequence;

-- and what has changed since without an event: rows without a name, or all, where retention has
-- taken the events.
INSERT INTO sums (organization, at, members, seats, admins, unnamed_members, unnamed_seats)
SELECT organization, read_at, members, seats, admins, unnamed_members, unnamed_seats FROM rosters
WHERE (members, seats, admins, unnamed_members, unnamed_seats) IS NOT
      (SELECT members, seats, admins, unnamed_members, unnamed_seats FROM sums
       WHERE sums.organization = rosters.organization ORDER BY id DESC LIMIT 1);

-- A member's earlier states.
CREATE INDEX past_states_of_member ON past_states (organization, member);

-- By when another sync should have begun, as the schedule was when the last of these runs ended: if
-- none had, one was missed. No run counts as one more of a row that ended before such a gap. Of runs
-- that are older than this version, nobody knows.
ALTER TABLE runs ADD COLUMN missed_from INTEGER;
INSERT INTO meta SELECT 'gaps_known_from', CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE EXISTS (SELECT 1 FROM runs);
