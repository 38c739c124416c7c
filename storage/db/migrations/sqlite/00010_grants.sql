-- +goose Up
-- Who may play what, by the hash of the word in the address. Nothing here names a person or a recording. Rows are deleted
-- soon after their end, by whichever node gives the next grant.
CREATE TABLE grants (
    word    BLOB   NOT NULL PRIMARY KEY, -- SHA-256
    owner   BLOB   NOT NULL,             -- keyed hash of the user
    sealed  BLOB   NOT NULL,
    used_us BIGINT NOT NULL,             -- given, or last seen used
    ends_us BIGINT NOT NULL,             -- unless it is used again
    last_us BIGINT NOT NULL              -- whatever happens
);
CREATE INDEX grants_of_owner ON grants (owner, used_us);
CREATE INDEX grants_ended ON grants (ends_us);

-- +goose Down
DROP TABLE grants;
