BEGIN;
CREATE TABLE daily (day date PRIMARY KEY, views bigint NOT NULL);
CREATE TABLE weekly (week date PRIMARY KEY, views bigint NOT NULL); -- expect: multiple-ddl
INSERT INTO daily VALUES ('2026-01-01', 1); -- expect: ddl-and-dml
COMMIT;

BEGIN ISOLATION LEVEL SERIALIZABLE; -- expect: begin-isolation-level
UPDATE daily SET views = 0 WHERE day = '2026-01-01';
SAVEPOINT before_delete; -- expect: savepoint
DELETE FROM daily WHERE day < '2020-01-01';
COMMIT;

LOCK TABLE daily; -- expect: statement-lock
SELECT * FROM daily FOR SHARE; -- expect: locking-strength
SELECT pg_advisory_lock(1); -- expect: advisory-lock
TRUNCATE weekly; -- expect: statement-truncate
VACUUM daily; -- expect: vacuum
LISTEN changes; -- expect: statement-listen
