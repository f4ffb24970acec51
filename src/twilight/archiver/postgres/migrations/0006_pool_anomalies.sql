-- A number that the producer wrote as null is marked in every table that may hold one (storage specification 2.1).
-- Rows from before get their marks with the next rebuild.

ALTER TABLE lend_pool ADD COLUMN anomaly text;
ALTER TABLE lend_pool_command ADD COLUMN anomaly text;
