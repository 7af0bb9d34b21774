-- What an operator may look at with any SQL client, and nothing else: no token, no key, nothing that is sealed. Times are in UTC.
-- A body is read as json, not jsonb: jsonb refuses the escape of a NUL, and one record must not spoil the view.

-- A time in a record: milliseconds since 1970, or a text as RFC 3339.
CREATE FUNCTION casehug_clio.time_of(value json) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE json_typeof(value)
        WHEN 'number' THEN to_timestamp((value #>> '{}')::bigint / 1000.0)
        WHEN 'string' THEN (value #>> '{}')::timestamptz
    END
$$;

-- What of CaseHug is which record in Clio, and what is still being created (`state` is intent, `clio` empty).
CREATE VIEW casehug_clio.links AS
SELECT firm,
       collection AS kind,
       substr(id, strpos(id, '/') + 1) AS casehug,
       split_part(id, '/', 1) AS account_scope,
       body::json ->> 'state' AS state,
       body::json ->> 'clio' AS clio,
       body::json ->> 'how' AS how,
       casehug_clio.time_of(body::json -> 'at') AS linked_at
FROM casehug_clio.records
WHERE collection IN ('contact', 'matter', 'document');

-- Every run: what was synced, when, for whom, and how it ended. `failed` is empty while nothing broke it off.
CREATE VIEW casehug_clio.sync_log AS
SELECT firm,
       id AS run,
       body::json ->> 'matter' AS matter,
       body::json ->> 'trigger' AS trigger,
       body::json ->> 'actor' AS actor,
       body::json ->> 'status' AS status,
       body::json #>> '{failure,code}' AS failed,
       (body::json ->> 'attempt')::integer AS attempt,
       (body::json ->> 'calls')::integer AS calls,
       (body::json ->> 'retries')::integer AS retries,
       casehug_clio.time_of(body::json -> 'started_at') AS started_at,
       casehug_clio.time_of(body::json -> 'ended_at') AS ended_at,
       body::json -> 'steps' AS steps
FROM casehug_clio.records
WHERE collection = 'run';

-- Who did what. The chain is verified by the SDK (`verify_audit`), not here.
CREATE VIEW casehug_clio.audit_log AS
SELECT firm,
       (body::json ->> 'seq')::bigint AS seq,
       casehug_clio.time_of(body::json -> 'at') AS at,
       body::json ->> 'actor' AS actor,
       body::json ->> 'action' AS action,
       body::json ->> 'status' AS status,
       body::json -> 'details' AS details
FROM casehug_clio.records
WHERE collection = 'audit';

UPDATE casehug_clio.schema_version SET version = 2;
