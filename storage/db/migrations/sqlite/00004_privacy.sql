-- +goose Up
CREATE TABLE consents (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    subject BLOB   NOT NULL, -- HMAC of the user id under a vault key (A4)
    purpose TEXT   NOT NULL,
    context TEXT   NOT NULL, -- what it is limited to ('' the whole purpose)
    kind    TEXT   NOT NULL CHECK (kind IN ('agree', 'decline', 'withdraw')),
    version TEXT   NOT NULL, -- of the text that was shown
    sealed  BLOB   NOT NULL, -- who and how far
    at_us   BIGINT NOT NULL
);

CREATE INDEX consents_by_matter ON consents (subject, purpose, context, seq);

-- +goose StatementBegin
CREATE TRIGGER consents_never_change BEFORE UPDATE ON consents
BEGIN
    SELECT RAISE(ABORT, 'the consent ledger is append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER consents_never_go BEFORE DELETE ON consents
BEGIN
    SELECT RAISE(ABORT, 'the consent ledger is append-only');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE consents;
