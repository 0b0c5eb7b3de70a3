-- What a person said of a sink: it is left alone until they take that back.
CREATE TABLE pauses (
    sink  TEXT    PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
