-- No row changed: conflict.
DELETE FROM records
WHERE firm = :firm AND collection = :collection AND id = :id AND version = :expected;
