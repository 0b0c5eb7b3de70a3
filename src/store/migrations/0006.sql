-- What pages ask: the life of one member among many events, and how the seats in use went.

-- A subject is of one member of one organization.
CREATE INDEX log_of_subject ON log (subject) WHERE subject IS NOT NULL;

-- With all that a chart shows, so that it is drawn from here alone.
DROP INDEX sums_of_organization;
CREATE INDEX sums_of_organization ON sums (organization, id, at, seats, unnamed_seats);
