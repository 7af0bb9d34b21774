-- Something is due now. A hint for other processes: nothing is lost with it, so no disk is asked.
SELECT set_config('synchronous_commit', 'off', true) IS NOT NULL, pg_notify('casehug_clio', $1) IS NOT NULL;
