/* Every change of a page is kept. */
-- aurora-dsql-orm-ignore table-clause: DSQL stores pages in its own way
CREATE TABLE revisions (
    page UUID NOT NULL REFERENCES pages (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    editor BIGINT REFERENCES users (id), -- expect: foreign-key-without-index
    body TEXT,
    PRIMARY KEY (page, number)
) WITH (fillfactor = 70);

CREATE INDEX revisions_newest ON revisions (page, number DESC); -- expect: index-sort-order
CREATE INDEX CONCURRENTLY revisions_editor ON revisions (lower(body)); -- expect: index-concurrently
CREATE UNIQUE INDEX ASYNC revisions_body ON revisions (page, md5(body));

CREATE TRIGGER touch BEFORE UPDATE ON pages -- expect: create-trigger
    FOR EACH ROW EXECUTE FUNCTION touch();
