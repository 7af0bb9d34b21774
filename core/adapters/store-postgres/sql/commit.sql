-- NULL: conflict. One statement, and so one transaction.
SELECT casehug_clio.commit($1, $2, $3, $4, $5, $6, $7, $8) AS at;
