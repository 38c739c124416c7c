-- +goose Up
CREATE TABLE consents (
    seq     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject BYTEA            NOT NULL, -- HMAC of the user id under a vault key (A4)
    purpose TEXT COLLATE "C" NOT NULL,
    context TEXT COLLATE "C" NOT NULL, -- what it is limited to ('' the whole purpose)
    kind    TEXT COLLATE "C" NOT NULL CHECK (kind IN ('agree', 'decline', 'withdraw')),
    version TEXT COLLATE "C" NOT NULL, -- of the text that was shown
    sealed  BYTEA            NOT NULL, -- who and how far
    at_us   BIGINT           NOT NULL
);

CREATE INDEX consents_by_matter ON consents (subject, purpose, context, seq);

-- Raised for the statement, so also where no row would have matched, and for TRUNCATE, which no row sees.
-- +goose StatementBegin
CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER consents_never_change BEFORE UPDATE ON consents EXECUTE FUNCTION append_only();
CREATE TRIGGER consents_never_go BEFORE DELETE OR TRUNCATE ON consents EXECUTE FUNCTION append_only();

-- +goose Down
DROP TABLE consents;
DROP FUNCTION append_only();
