-- +goose Up
CREATE TABLE chat_conversations (
    id           TEXT   NOT NULL PRIMARY KEY,
    platform_key TEXT   NOT NULL UNIQUE, -- the platform's own id of it
    title        BLOB   NOT NULL,        -- sealed
    opened_us    BIGINT NOT NULL,
    head         BIGINT NOT NULL         -- the last seq given; changed only by the transaction that inserts the entries
);

CREATE TABLE chat_members (
    conversation TEXT     NOT NULL REFERENCES chat_conversations (id),
    user_id      TEXT     NOT NULL,
    place        SMALLINT NOT NULL, -- order of opening
    role         TEXT     NOT NULL,
    name         BLOB     NOT NULL, -- sealed: family and given name, company
    disclosed    SMALLINT NOT NULL, -- 1: the others may see the full name (T2); never back to 0
    delivered    BIGINT   NOT NULL, -- cursors; they only grow and stay at or below the head
    read_to      BIGINT   NOT NULL,
    PRIMARY KEY (conversation, user_id)
);
CREATE INDEX chat_members_by_user ON chat_members (user_id);

-- Rows are only ever inserted. A rowid table appends bodies at its end; the two indexes carry the contracts.
CREATE TABLE chat_entries (
    conversation TEXT   NOT NULL,
    seq          BIGINT NOT NULL, -- dense from 1
    sender       TEXT   NOT NULL, -- '' is the system
    cid          TEXT   NOT NULL,
    time_us      BIGINT NOT NULL,
    type         TEXT   NOT NULL,
    sealed       BLOB   NOT NULL,
    UNIQUE (conversation, seq),
    UNIQUE (conversation, sender, cid)
);

-- +goose Down
DROP TABLE chat_entries;
DROP TABLE chat_members;
DROP TABLE chat_conversations;
