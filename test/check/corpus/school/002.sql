CREATE TABLE pupils (
  id uuid PRIMARY KEY,
  grade grade NOT NULL, -- expect: enum-type
  mark mark
);
INSERT INTO pupils SELECT gen_random_uuid(), 'a'::grade, 1; -- expect: enum-type
ALTER TYPE grade ADD VALUE 'd'; -- expect: alter-type
