SELECT firm, id, version, due_at, body FROM records
WHERE firm = :firm AND collection = :collection AND id >= :from AND id < coalesce(:until, x'')
ORDER BY id DESC LIMIT :limit;
