-- For copying: rows as they are, given as columns. Fails if one of them is there.
INSERT INTO casehug_clio.records (firm, collection, id, version, due_at, body)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[]);
