-- The plus keeps the planner on records_due: by the primary key it would read the firm's whole
-- collection and sort it.
SELECT firm, id, version, due_at, body FROM records
WHERE collection = :collection AND due_at <= (SELECT now FROM clock) AND +firm = :firm
ORDER BY due_at LIMIT :limit;
