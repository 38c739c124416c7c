-- +goose Up
ALTER TABLE recordings ADD COLUMN epoch BIGINT NOT NULL DEFAULT 1; -- counts the owners; an older one may not write

-- +goose Down
ALTER TABLE recordings DROP COLUMN epoch;
