-- Everything that the SDK stores is a record: a small text under (firm, collection, id). Text is compared by its bytes.
-- The schema exists already; a database whose users may not make one has it made by its administrator (README).
CREATE TABLE casehug_clio.records (
    firm       text COLLATE "C" NOT NULL,
    collection text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    version    text COLLATE "C" NOT NULL,
    due_at     bigint,          -- milliseconds since 1970, on the clock below; NULL: never due
    body       text COLLATE "C" NOT NULL,
    PRIMARY KEY (firm, collection, id)
)
-- Rows are rewritten often: room in their page, and a vacuum before the dead ones pile up.
WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

-- For what is due, of all firms or of one. Most records are never due and not in it.
CREATE INDEX records_due ON casehug_clio.records (collection, due_at, firm) WHERE due_at IS NOT NULL;

-- The one clock of all processes of this store: when the statement arrived.
CREATE FUNCTION casehug_clio.now_ms() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint $$;

-- All writes, or none: the time of the commit, or NULL for a conflict. One call is one transaction, so one round trip, and right
-- behind any pooler. Entries are given as columns; `kind` is put, delete or check, `expected` NULL means absent.
--
-- Entries are taken in the order of their keys, so that two commits never wait for each other in a circle. Each waits for whoever
-- writes its record, and then compares with what that one left. A check holds its record, or its absence, until the commit.
CREATE FUNCTION casehug_clio.commit(
    firms text[], collections text[], ids text[], kinds text[], expected text[], versions text[], due_in bigint[], bodies text[]
) RETURNS bigint
LANGUAGE plpgsql VOLATILE
-- A plan that was made while the table was small must not read all of it later.
SET enable_seqscan = off
AS $$
DECLARE
    at CONSTANT bigint := casehug_clio.now_ms();
    entry record;
BEGIN
    -- What is told to be done is durable, whatever the database's default says.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'local', true);
    END IF;
    -- Nobody holds a record for longer than a commit takes; whoever does is not waited for without an end.
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '10s', true);
    END IF;
    -- The block undoes its writes at a conflict, without an error that the server would log.
    BEGIN
        FOR entry IN
            SELECT * FROM unnest(firms, collections, ids, kinds, expected, versions, due_in, bodies)
                AS given(firm, collection, id, kind, expected, version, due_in, body)
            ORDER BY given.firm COLLATE "C", given.collection COLLATE "C", given.id COLLATE "C"
        LOOP
            IF entry.kind = 'put' AND entry.expected IS NULL THEN
                INSERT INTO casehug_clio.records (firm, collection, id, version, due_at, body)
                VALUES (entry.firm, entry.collection, entry.id, entry.version, at + entry.due_in, entry.body)
                ON CONFLICT DO NOTHING;
            ELSIF entry.kind = 'put' THEN
                UPDATE casehug_clio.records AS r
                SET version = entry.version, due_at = at + entry.due_in, body = entry.body
                WHERE r.firm = entry.firm AND r.collection = entry.collection AND r.id = entry.id
                    AND r.version = entry.expected;
            ELSIF entry.kind = 'delete' THEN
                DELETE FROM casehug_clio.records AS r
                WHERE r.firm = entry.firm AND r.collection = entry.collection AND r.id = entry.id
                    AND r.version = entry.expected;
            ELSIF entry.expected IS NOT NULL THEN
                PERFORM FROM casehug_clio.records AS r
                WHERE r.firm = entry.firm AND r.collection = entry.collection AND r.id = entry.id
                    AND r.version = entry.expected
                FOR SHARE;
            ELSE
                -- Absence cannot be locked; a row that comes and goes within the transaction holds its place.
                INSERT INTO casehug_clio.records (firm, collection, id, version, body)
                VALUES (entry.firm, entry.collection, entry.id, '', '')
                ON CONFLICT DO NOTHING;
                IF FOUND THEN
                    DELETE FROM casehug_clio.records AS r
                    WHERE r.firm = entry.firm AND r.collection = entry.collection AND r.id = entry.id;
                END IF;
            END IF;
            IF NOT FOUND THEN
                RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'conflict';
            END IF;
        END LOOP;
    EXCEPTION WHEN SQLSTATE 'CH001' THEN
        RETURN NULL;
    END;
    RETURN at;
END
$$;

-- `version` is how far this schema has come, `oldest` the version that a program must know at least to use it.
CREATE TABLE casehug_clio.schema_version (version integer NOT NULL, oldest integer NOT NULL);
INSERT INTO casehug_clio.schema_version VALUES (1, 1);
