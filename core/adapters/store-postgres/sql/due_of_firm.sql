SELECT firm, id, version, due_at, body FROM casehug_clio.records
WHERE collection = $1 AND due_at <= casehug_clio.now_ms() AND firm = $2
ORDER BY due_at LIMIT $3;
