SELECT firm, id, version, due_at, body FROM records
WHERE collection = :collection AND due_at <= (SELECT now FROM clock)
ORDER BY due_at LIMIT :limit;
