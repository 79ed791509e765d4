CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ -- expect: function-language
BEGIN
  NEW.created := now(); -- a semicolon; and 'quotes'
  RETURN NEW;
END;
$$;

CREATE FUNCTION words_of(text) RETURNS integer LANGUAGE sql
  RETURN length($1) - length(replace($1, ' ', '')) + 1;

DO $$ -- expect: statement-do
BEGIN
  RAISE NOTICE 'done';
END $$;
