-- +goose Up
-- Events that wait for delivery. A claim moves due_us by a lease; what was delivered is deleted.
CREATE TABLE outbox (
    id           TEXT    NOT NULL PRIMARY KEY, -- UUIDv7
    kind         TEXT    NOT NULL,
    at_us        BIGINT  NOT NULL,             -- of the change it tells of
    conversation TEXT    NOT NULL,             -- this and what follows: '' or 0 where the kind has none
    seq          BIGINT  NOT NULL,
    type         TEXT    NOT NULL,
    sender       TEXT    NOT NULL,
    interview    TEXT    NOT NULL,
    recording    TEXT    NOT NULL,
    due_us       BIGINT  NOT NULL,
    attempts     INTEGER NOT NULL              -- tries so far, the claimed one included
);
CREATE INDEX outbox_due ON outbox (due_us);

-- Events that were given up, until they are replayed or expire.
CREATE TABLE outbox_dead (
    id           TEXT    NOT NULL PRIMARY KEY,
    kind         TEXT    NOT NULL,
    at_us        BIGINT  NOT NULL,
    conversation TEXT    NOT NULL,
    seq          BIGINT  NOT NULL,
    type         TEXT    NOT NULL,
    sender       TEXT    NOT NULL,
    interview    TEXT    NOT NULL,
    recording    TEXT    NOT NULL,
    attempts     INTEGER NOT NULL,
    reason       TEXT    NOT NULL, -- of the last try
    died_us      BIGINT  NOT NULL
);

-- +goose Down
DROP TABLE outbox_dead;
DROP TABLE outbox;
