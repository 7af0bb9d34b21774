-- Put, expecting absent. No row changed: conflict.
INSERT INTO records (firm, collection, id, version, due_at, body)
VALUES (:firm, :collection, :id, :version, :due_at, :body)
ON CONFLICT DO NOTHING;
