-- +goose Up
-- What people send beside words: a row for each upload, and for every object that was put for one, before it is put. A row goes
-- with what it describes; an object's row stays until the object is deleted.
CREATE TABLE attachments (
    id           TEXT   NOT NULL PRIMARY KEY,
    conversation TEXT   NOT NULL,
    owner        TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    name         BLOB   NOT NULL, -- sealed
    announced    BIGINT NOT NULL, -- bytes that were to come
    received     BIGINT NOT NULL, -- bytes that have come
    used         BIGINT NOT NULL, -- 1: it was sent, or is about to be
    done         BIGINT NOT NULL, -- 1: what follows holds
    media        TEXT   NOT NULL,
    body         TEXT   NOT NULL,
    size         BIGINT NOT NULL,
    thumb        TEXT   NOT NULL,
    thumb_size   BIGINT NOT NULL,
    width        BIGINT NOT NULL,
    height       BIGINT NOT NULL,
    duration_ms  BIGINT NOT NULL,
    begun_us     BIGINT NOT NULL
);
CREATE INDEX attachments_of_owner ON attachments (owner, begun_us);
CREATE INDEX attachments_waiting ON attachments (begun_us) WHERE used = 0;

CREATE TABLE attachment_objects (
    object     TEXT   NOT NULL PRIMARY KEY,
    attachment TEXT   NOT NULL,
    state      BIGINT NOT NULL, -- 0 claimed, 1 part, 2 kept, 3 nobody's
    start      BIGINT NOT NULL, -- of a part
    size       BIGINT NOT NULL, -- of a part
    claimed_us BIGINT NOT NULL
);
CREATE INDEX attachment_objects_of ON attachment_objects (attachment, start);
CREATE INDEX attachment_objects_loose ON attachment_objects (state, claimed_us) WHERE state IN (0, 3);

-- +goose Down
DROP TABLE attachment_objects;
DROP TABLE attachments;
