-- The function of 0001, but for one word: in a database whose default is `synchronous_commit = off` a commit was told to be done when it
-- was durable on this server (`local`), and a switch to a synchronous standby lost it. Now it is done when it is on that standby too.

-- All writes, or none: the time of the commit, or NULL for a conflict. One call is one transaction, so one round trip, and right
-- behind any pooler. Entries are given as columns; `kind` is put, delete or check, `expected` NULL means absent.
--
-- Entries are taken in the order of their keys, so that two commits never wait for each other in a circle. Each waits for whoever
-- writes its record, and then compares with what that one left. A check holds its record, or its absence, until the commit.
CREATE OR REPLACE FUNCTION casehug_clio.commit(
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
    -- What is told to be done is durable, whatever the database's default says: here, and on the synchronous standbys.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
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

UPDATE casehug_clio.schema_version SET version = 3;
