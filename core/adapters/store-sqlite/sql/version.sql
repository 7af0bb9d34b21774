-- Check: no row is absent.
SELECT version FROM records
WHERE firm = :firm AND collection = :collection AND id = :id;
