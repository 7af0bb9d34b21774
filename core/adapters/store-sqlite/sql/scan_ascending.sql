-- No end is NULL. Every text is less than every blob, so x'' is the end of all texts, and stays a
-- bound of the index.
SELECT firm, id, version, due_at, body FROM records
WHERE firm = :firm AND collection = :collection AND id >= :from AND id < coalesce(:until, x'')
ORDER BY id LIMIT :limit;
