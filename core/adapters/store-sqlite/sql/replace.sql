-- Put, expecting a version. No row changed: conflict.
UPDATE records SET version = :version, due_at = :due_at, body = :body
WHERE firm = :firm AND collection = :collection AND id = :id AND version = :expected;
