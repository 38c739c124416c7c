-- +goose Up
-- What people set for themselves and against others. Owners are keyed hashes; nothing here tells who hides from whom, or who
-- blocks whom (A4).
CREATE TABLE people (
    owner     BYTEA  NOT NULL PRIMARY KEY,
    version   BIGINT NOT NULL, -- of the document; grows by one with each change
    sealed    BYTEA  NOT NULL, -- the document; empty: nothing was set, or the account is closed
    quota     BIGINT,          -- first contacts a day; NULL: the normal number
    closed_us BIGINT NOT NULL  -- 0: open; never back to 0
);

-- First contacts that were counted: who started which conversation on which day. Rows are deleted some days later, by the
-- next contact of anybody.
CREATE TABLE people_contacts (
    owner     BYTEA  NOT NULL,
    contact   BYTEA  NOT NULL, -- keyed hash of the platform's key of the conversation
    day       BIGINT NOT NULL, -- since 1970-01-01, in Asia/Shanghai
    PRIMARY KEY (owner, contact)
);
CREATE INDEX people_contacts_of_day ON people_contacts (owner, day);
CREATE INDEX people_contacts_old ON people_contacts (day);

-- +goose Down
DROP TABLE people_contacts;
DROP TABLE people;
