-- +goose Up
CREATE TABLE audit (
    seq     BIGINT NOT NULL, -- dense from 1
    time_us BIGINT NOT NULL,
    role    TEXT   NOT NULL, -- empty: the server itself
    action  TEXT   NOT NULL,
    sealed  BLOB   NOT NULL, -- actor, object and detail
    prev    BLOB   NOT NULL,
    hash    BLOB   NOT NULL,
    PRIMARY KEY (seq)
);

-- A mistake in a statement must not change the log; who means to change it is found by its chain.
-- +goose StatementBegin
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE audit;
