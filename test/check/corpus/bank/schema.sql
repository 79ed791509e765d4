CREATE TABLE customer (
  id serial PRIMARY KEY, -- expect: serial
  iban varchar(34) NOT NULL UNIQUE DEFERRABLE -- expect: deferrable-key-column
);
CREATE TABLE account (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- expect: identity-cache, identity-type
  customer_id integer NOT NULL REFERENCES customer ON DELETE RESTRICT, -- expect: int4-key, foreign-key-without-index
  opened date NOT NULL DEFAULT current_date,
  valid daterange, -- expect: column-type
  EXCLUDE USING gist (valid WITH &&) -- expect: exclusion-constraint
);
CREATE TABLE transfer (
  id uuid PRIMARY KEY DEFAULT uuid_generate_v4(), -- expect: extension-function
  from_id bigint NOT NULL REFERENCES account,
  to_id bigint NOT NULL REFERENCES account -- expect: foreign-key-without-index
);
CREATE INDEX ASYNC ON transfer (from_id);
CREATE INDEX ON transfer (to_id) WHERE to_id > 0; -- expect: index-without-async
CREATE SEQUENCE receipt CACHE 20; -- expect: sequence-cache
