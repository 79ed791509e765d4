CREATE EXTENSION IF NOT EXISTS pgcrypto; -- expect: statement-createextension

CREATE TABLE users (
    id BIGSERIAL PRIMARY KEY, -- expect: serial
    login VARCHAR(40) NOT NULL UNIQUE,
    password TEXT NOT NULL,
    last_ip INET, -- expect: column-type
    created TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE pages (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    title VARCHAR(255) COLLATE "de_DE" NOT NULL, -- expect: column-collation
    author BIGINT NOT NULL REFERENCES users (id), -- expect: foreign-key-without-index
    body XML -- expect: column-type
);

INSERT INTO users (login, password) VALUES ('root', crypt('secret', gen_salt('bf'))); -- expect: extension-function, extension-function
