-- For copying: a row as it is. Fails if it is there.
INSERT INTO records (firm, collection, id, version, due_at, body)
VALUES (:firm, :collection, :id, :version, :due_at, :body);
