-- +goose Up
-- Signed trees over what conversations were: one chain of all nodes. They name nobody.
CREATE TABLE chat_trees (
    number    BIGINT NOT NULL PRIMARY KEY, -- dense from 1
    prev      BLOB   NOT NULL,
    root      BLOB   NOT NULL,
    leaves    BIGINT NOT NULL,
    time_us   BIGINT NOT NULL,
    key       TEXT   NOT NULL,
    signature BLOB   NOT NULL,
    public    BLOB   NOT NULL, -- verifies the signature
    hashes    BLOB   NOT NULL  -- the leaves, 32 bytes each
);

-- How much of a conversation was sealed, when, and with which end of its chain. The next number is the compare-and-swap of nodes
-- that seal the same conversation.
CREATE TABLE chat_seals (
    conversation TEXT   NOT NULL,
    seal         BIGINT NOT NULL, -- dense from 1
    prev         BLOB   NOT NULL, -- leaf of the seal before
    entries      BIGINT NOT NULL,
    head         BLOB   NOT NULL,
    tree         BIGINT NOT NULL,
    leaf         BIGINT NOT NULL, -- place in the tree, from 0
    time_us      BIGINT NOT NULL,
    PRIMARY KEY (conversation, seal)
) WITHOUT ROWID;

-- A mistake in a statement must not change them; who means to change them is found by the chain.
-- +goose StatementBegin
CREATE TRIGGER chat_trees_no_update BEFORE UPDATE ON chat_trees BEGIN SELECT RAISE(ABORT, 'trees are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER chat_trees_no_delete BEFORE DELETE ON chat_trees BEGIN SELECT RAISE(ABORT, 'trees are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER chat_seals_no_update BEFORE UPDATE ON chat_seals BEGIN SELECT RAISE(ABORT, 'seals never change'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE chat_seals;
DROP TABLE chat_trees;
