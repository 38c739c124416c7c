-- +goose Up
CREATE TABLE audit (
    seq     BIGINT           NOT NULL, -- dense from 1
    time_us BIGINT           NOT NULL,
    role    TEXT COLLATE "C" NOT NULL, -- empty: the server itself
    action  TEXT COLLATE "C" NOT NULL,
    sealed  BYTEA            NOT NULL, -- actor, object and detail
    prev    BYTEA            NOT NULL,
    hash    BYTEA            NOT NULL,
    PRIMARY KEY (seq)
);

-- A mistake in a statement must not change the log; who means to change it is found by its chain.
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_no_delete BEFORE DELETE OR TRUNCATE ON audit EXECUTE FUNCTION append_only();

-- +goose Down
DROP TABLE audit;
