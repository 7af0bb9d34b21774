-- For copying: every row, of one firm or of all, in the order of the keys.
SELECT firm, collection, id, version, due_at, body FROM casehug_clio.records
WHERE (firm, collection, id) > ($1, $2, $3) AND ($4::text IS NULL OR firm = $4)
ORDER BY firm, collection, id LIMIT $5;
