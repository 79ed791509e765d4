ALTER TABLE pages ADD COLUMN words integer NOT NULL DEFAULT 0; -- expect: add-column-with-constraint
ALTER TABLE pages ADD COLUMN note text;
ALTER TABLE pages ALTER COLUMN note SET NOT NULL; -- expect: set-not-null
ALTER TABLE pages ALTER COLUMN title TYPE text; -- expect: alter-column-type
ALTER TABLE pages ADD CONSTRAINT pages_title_key UNIQUE (title); -- expect: add-constraint
ALTER TABLE pages RENAME COLUMN note TO remark;
CREATE MATERIALIZED VIEW words AS SELECT id, words FROM pages; -- expect: statement-createtableas
REFRESH MATERIALIZED VIEW words; -- expect: statement-refreshmatview
