-- For copying: every row, of one firm or of all, in the order of the keys.
SELECT firm, collection, id, version, due_at, body FROM records
WHERE (firm, collection, id) > (:firm, :collection, :id) AND (:only IS NULL OR firm = :only)
ORDER BY firm, collection, id LIMIT :limit;
