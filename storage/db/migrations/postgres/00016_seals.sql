-- +goose Up
-- Signed trees over what conversations were: one chain of all nodes. They name nobody.
CREATE TABLE chat_trees (
    number    BIGINT           NOT NULL PRIMARY KEY, -- dense from 1
    prev      BYTEA            NOT NULL,
    root      BYTEA            NOT NULL,
    leaves    BIGINT           NOT NULL,
    time_us   BIGINT           NOT NULL,
    key       TEXT COLLATE "C" NOT NULL,
    signature BYTEA            NOT NULL,
    public    BYTEA            NOT NULL, -- verifies the signature
    hashes    BYTEA            NOT NULL  -- the leaves, 32 bytes each
);
-- Hashes do not shrink; trying would only cost time.
ALTER TABLE chat_trees ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- How much of a conversation was sealed, when, and with which end of its chain. The next number is the compare-and-swap of nodes
-- that seal the same conversation.
CREATE TABLE chat_seals (
    conversation TEXT COLLATE "C" NOT NULL,
    seal         BIGINT           NOT NULL, -- dense from 1
    prev         BYTEA            NOT NULL, -- leaf of the seal before
    entries      BIGINT           NOT NULL,
    head         BYTEA            NOT NULL,
    tree         BIGINT           NOT NULL,
    leaf         BIGINT           NOT NULL, -- place in the tree, from 0
    time_us      BIGINT           NOT NULL,
    PRIMARY KEY (conversation, seal)
);

-- A mistake in a statement must not change them; who means to change them is found by the chain.
CREATE TRIGGER chat_trees_no_update BEFORE UPDATE ON chat_trees EXECUTE FUNCTION append_only();
CREATE TRIGGER chat_trees_no_delete BEFORE DELETE OR TRUNCATE ON chat_trees EXECUTE FUNCTION append_only();
CREATE TRIGGER chat_seals_no_update BEFORE UPDATE ON chat_seals EXECUTE FUNCTION append_only();

-- +goose Down
DROP TABLE chat_seals;
DROP TABLE chat_trees;
