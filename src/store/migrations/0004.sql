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

-- Those of the past, as far as the events tell.
INSERT INTO sums (organization, at, members, seats, admins, unnamed_members, unnamed_seats)
SELECT organization, time, totals ->> 'members', totals ->> 'seats', totals ->> 'admins',
       totals ->> '$.unnamed.members', totals ->> '$.unnamed.seats'
FROM (SELECT sequence, organization, time, data -> 'totals' AS totals,
             lag(data -> 'totals') OVER (PARTITION BY organization ORDER BY sequence) AS last
      FROM log
      WHERE organization IS NOT NULL AND data ->> '$.totals.members' IS NOT NULL)
WHERE totals IS NOT last
ORDER BY sequence;

-- A member's earlier states.
CREATE INDEX past_states_of_member ON past_states (organization, member);

-- Whether a sync that was due before this run, or the first of these, never ran. No run counts as
-- one more of a row that ended before such a gap.
ALTER TABLE runs ADD COLUMN after_gap INTEGER NOT NULL DEFAULT 0 CHECK (after_gap IN (0, 1));
