CREATE TABLE events ( -- expect: partition-by
    id BIGINT GENERATED ALWAYS AS IDENTITY, -- expect: identity-cache
    occurred_at TIMESTAMPTZ NOT NULL, -- expect: hot-key
    visitor UUID NOT NULL,
    payload JSONB,
    PRIMARY KEY (occurred_at, id)
) PARTITION BY RANGE (occurred_at);

CREATE TABLE events_2026_01 PARTITION OF events -- expect: partition-of
    FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');

CREATE UNLOGGED TABLE staging (line text); -- expect: unlogged-table
CREATE TEMPORARY TABLE scratch (line text); -- expect: temporary-table
