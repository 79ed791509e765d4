CREATE TABLE drafts (
    id uuid PRIMARY KEY,
    page uuid REFRENCES pages (id) -- expect: syntax-error
);
