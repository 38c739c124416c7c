-- +goose Up
CREATE TABLE revocations (
    subject   TEXT   NOT NULL, -- 'user/<id>' or 'token/<jti>'
    before_us BIGINT NOT NULL, -- tokens issued up to then are refused
    PRIMARY KEY (subject)
);

-- +goose Down
DROP TABLE revocations;
