-- +goose Up
-- Names and ids are compared by their bytes (COLLATE "C"): the same order on both engines, and no index that a new version
-- of the system's collations would break.
CREATE TABLE revocations (
    subject   TEXT COLLATE "C" NOT NULL, -- 'user/<id>' or 'token/<jti>'
    before_us BIGINT           NOT NULL, -- tokens issued up to then are refused
    PRIMARY KEY (subject)
);

-- +goose Down
DROP TABLE revocations;
