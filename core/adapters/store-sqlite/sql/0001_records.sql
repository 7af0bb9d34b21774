-- Everything that the SDK stores is a record: a small text under (firm, collection, id). Text is compared by its bytes (BINARY).
CREATE TABLE records (
    firm       TEXT NOT NULL,
    collection TEXT NOT NULL,
    id         TEXT NOT NULL,
    version    TEXT NOT NULL,
    due_at     INTEGER,          -- milliseconds since 1970, on the clock below; NULL: never due
    body       TEXT NOT NULL,
    PRIMARY KEY (firm, collection, id)
) WITHOUT ROWID, STRICT;

-- The primary key is part of every index of a table without rowid, so this one also answers for one firm.
CREATE INDEX records_due ON records (collection, due_at) WHERE due_at IS NOT NULL;

-- The one clock of all processes of this store. unixepoch returns a fraction; rounding keeps 0.123 from becoming 122.
CREATE VIEW clock (now) AS SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER);
