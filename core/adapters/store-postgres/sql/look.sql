-- What a program must know before it uses the database. Reads the catalogue only: nothing of it may
-- be missing.
SELECT current_setting('server_version_num')::integer AS server,
       getdatabaseencoding() AS encoding,
       current_setting('transaction_read_only') = 'on' AS read_only,
       current_setting('fsync') = 'on' AS durable,
       has_database_privilege(current_database(), 'CREATE') AS may_create,
       EXISTS (SELECT FROM pg_namespace WHERE nspname = 'casehug_clio') AS schema,
       EXISTS (SELECT FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'casehug_clio')) AS used,
       EXISTS (SELECT FROM pg_class WHERE relname = 'schema_version'
               AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'casehug_clio')) AS ours;
