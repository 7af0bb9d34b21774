-- Keys are given as columns. `place` is the number of a key among them, from 1; a key of no record
-- has no row.
SELECT given.place, r.firm, r.id, r.version, r.due_at, r.body
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS given(firm, collection, id, place)
JOIN casehug_clio.records AS r
    ON r.firm = given.firm COLLATE "C" AND r.collection = given.collection COLLATE "C" AND r.id = given.id COLLATE "C";
