CREATE TYPE grade AS ENUM ('a', 'b', 'c'); -- expect: create-enum
CREATE TYPE point AS (x int, y int); -- expect: statement-compositetype
CREATE DOMAIN mark AS smallint CHECK (VALUE BETWEEN 1 AND 6);
