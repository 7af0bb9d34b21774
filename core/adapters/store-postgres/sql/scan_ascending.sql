SELECT firm, id, version, due_at, body FROM casehug_clio.records
WHERE firm = $1 AND collection = $2 AND id >= $3 AND ($4::text IS NULL OR id < $4)
ORDER BY id LIMIT $5;
