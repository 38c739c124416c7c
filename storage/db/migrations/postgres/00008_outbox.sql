-- +goose Up
-- Events that wait for delivery. A claim moves due_us by a lease; what was delivered is deleted. Rows come and go all the
-- time, so vacuum looks in often.
CREATE TABLE outbox (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- UUIDv7
    kind         TEXT COLLATE "C" NOT NULL,
    at_us        BIGINT           NOT NULL,             -- of the change it tells of
    conversation TEXT COLLATE "C" NOT NULL,             -- this and what follows: '' or 0 where the kind has none
    seq          BIGINT           NOT NULL,
    type         TEXT COLLATE "C" NOT NULL,
    sender       TEXT COLLATE "C" NOT NULL,
    interview    TEXT COLLATE "C" NOT NULL,
    recording    TEXT COLLATE "C" NOT NULL,
    due_us       BIGINT           NOT NULL,
    attempts     INTEGER          NOT NULL              -- tries so far, the claimed one included
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE INDEX outbox_due ON outbox (due_us);

-- Events that were given up, until they are replayed or expire.
CREATE TABLE outbox_dead (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind         TEXT COLLATE "C" NOT NULL,
    at_us        BIGINT           NOT NULL,
    conversation TEXT COLLATE "C" NOT NULL,
    seq          BIGINT           NOT NULL,
    type         TEXT COLLATE "C" NOT NULL,
    sender       TEXT COLLATE "C" NOT NULL,
    interview    TEXT COLLATE "C" NOT NULL,
    recording    TEXT COLLATE "C" NOT NULL,
    attempts     INTEGER          NOT NULL,
    reason       TEXT COLLATE "C" NOT NULL, -- of the last try
    died_us      BIGINT           NOT NULL
);

-- +goose Down
DROP TABLE outbox_dead;
DROP TABLE outbox;
