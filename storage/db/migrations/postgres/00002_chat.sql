-- +goose Up
-- Heads and cursors change all the time: room in each page keeps their new versions beside the old, out of the indexes.
CREATE TABLE chat_conversations (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    platform_key TEXT COLLATE "C" NOT NULL UNIQUE, -- the platform's own id of it
    title        BYTEA            NOT NULL,        -- sealed
    opened_us    BIGINT           NOT NULL,
    head         BIGINT           NOT NULL         -- the last seq given; changed only by the transaction that inserts the entries
) WITH (fillfactor = 70);

CREATE TABLE chat_members (
    conversation TEXT COLLATE "C" NOT NULL REFERENCES chat_conversations (id),
    user_id      TEXT COLLATE "C" NOT NULL,
    place        SMALLINT         NOT NULL, -- order of opening
    role         TEXT COLLATE "C" NOT NULL,
    name         BYTEA            NOT NULL, -- sealed: family and given name, company
    disclosed    SMALLINT         NOT NULL, -- 1: the others may see the full name (T2); never back to 0
    delivered    BIGINT           NOT NULL, -- cursors; they only grow and stay at or below the head
    read_to      BIGINT           NOT NULL,
    PRIMARY KEY (conversation, user_id)
) WITH (fillfactor = 70);
CREATE INDEX chat_members_by_user ON chat_members (user_id);

-- Rows are only ever inserted. Bodies are appended at the table's end; the two indexes carry the contracts.
CREATE TABLE chat_entries (
    conversation TEXT COLLATE "C" NOT NULL,
    seq          BIGINT           NOT NULL, -- dense from 1
    sender       TEXT COLLATE "C" NOT NULL, -- '' is the system
    cid          TEXT COLLATE "C" NOT NULL,
    time_us      BIGINT           NOT NULL,
    type         TEXT COLLATE "C" NOT NULL,
    sealed       BYTEA            NOT NULL,
    UNIQUE (conversation, seq),
    UNIQUE (conversation, sender, cid)
);
-- Ciphertext does not shrink; trying would only cost time.
ALTER TABLE chat_entries ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- +goose Down
DROP TABLE chat_entries;
DROP TABLE chat_members;
DROP TABLE chat_conversations;
