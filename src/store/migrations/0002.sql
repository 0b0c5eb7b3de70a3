-- What history and retention ask of the store, and the accounts that retention keeps.

CREATE INDEX log_of_organization ON log (organization);
CREATE INDEX log_by_time ON log (time);
CREATE INDEX past_states_of_key ON past_states (organization, key);
CREATE INDEX baselines ON runs (organization) WHERE outcome = 'baselined';
CREATE INDEX dead_letters_of_lane ON dead_letters (sink, lane);

-- The other ends of foreign keys: without them, each run that goes costs a walk over all states.
CREATE INDEX states_by_began ON states (began);
CREATE INDEX past_states_by_began ON past_states (began);
CREATE INDEX past_states_by_ended ON past_states (ended);

-- Events that retention took before the lane had passed them, all together, and when the last.
ALTER TABLE lanes ADD COLUMN lost INTEGER NOT NULL DEFAULT 0 CHECK (lost >= 0);
ALTER TABLE lanes ADD COLUMN lost_at INTEGER CHECK ((lost_at IS NULL) = (lost = 0));

-- A dead letter outlives its event in the log, but not its organization in the store.
ALTER TABLE dead_letters ADD COLUMN organization INTEGER REFERENCES organizations ON DELETE CASCADE;
UPDATE dead_letters
SET organization = (SELECT organization FROM log WHERE log.sequence = dead_letters.sequence);
CREATE INDEX dead_letters_of_organization ON dead_letters (organization);

-- Beside these, `meta` may have: `trimmed_at`, when retention was last through; `known_from`,
-- before which the rosters of the past are not whole any more; `purge`, there while an
-- organization that was erased may have left traces in free pages of the file.
