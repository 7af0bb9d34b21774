-- A role for processes that use the store and never change its schema. Run by whoever owns the
-- schema, once and after each upgrade; then: GRANT casehug_clio_worker TO <login of the processes>;
DO $$ BEGIN
    CREATE ROLE casehug_clio_worker NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
GRANT USAGE ON SCHEMA casehug_clio TO casehug_clio_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON casehug_clio.records TO casehug_clio_worker;
GRANT SELECT ON casehug_clio.schema_version TO casehug_clio_worker;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA casehug_clio TO casehug_clio_worker;
-- A role for people who look: the three views, and no record behind them. GRANT
-- casehug_clio_operator TO <login of a person>;
DO $$ BEGIN
    CREATE ROLE casehug_clio_operator NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
GRANT USAGE ON SCHEMA casehug_clio TO casehug_clio_operator;
GRANT SELECT ON casehug_clio.links, casehug_clio.sync_log, casehug_clio.audit_log TO casehug_clio_operator;
