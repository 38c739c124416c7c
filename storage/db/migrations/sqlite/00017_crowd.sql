-- +goose Up
CREATE TABLE crowd_rooms (
    id           TEXT   NOT NULL PRIMARY KEY,
    platform_key TEXT   NOT NULL UNIQUE, -- the platform's own id of it
    title        TEXT   NOT NULL,
    opened_us    BIGINT NOT NULL,
    closed_us    BIGINT NOT NULL,        -- 0: open
    slow_us      BIGINT NOT NULL,
    head         BIGINT NOT NULL         -- the last seq given; changed only by the transaction that inserts the entries
);

CREATE TABLE crowd_people (
    room     TEXT     NOT NULL REFERENCES crowd_rooms (id),
    user_id  TEXT     NOT NULL,
    host     SMALLINT NOT NULL,
    name     BLOB     NOT NULL, -- sealed
    muted_us BIGINT   NOT NULL, -- until when; 0: not
    PRIMARY KEY (room, user_id)
);

-- Rows are only ever inserted.
CREATE TABLE crowd_entries (
    room    TEXT   NOT NULL,
    seq     BIGINT NOT NULL, -- dense from 1
    user_id TEXT   NOT NULL, -- '' is the system
    cid     TEXT   NOT NULL,
    time_us BIGINT NOT NULL,
    type    TEXT   NOT NULL,
    sealed  BLOB   NOT NULL,
    UNIQUE (room, seq),
    UNIQUE (room, user_id, cid)
);

-- +goose Down
DROP TABLE crowd_entries;
DROP TABLE crowd_people;
DROP TABLE crowd_rooms;
