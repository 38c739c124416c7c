-- +goose Up
-- Who may not send, and until when. A lifted row stays until nodes have surely seen it.
CREATE TABLE silences (
    user_id  TEXT    NOT NULL PRIMARY KEY,
    kind     TEXT    NOT NULL, -- 'mute', 'ban'; '' once lifted
    until_us BIGINT  NOT NULL, -- 0: for good
    reason   BYTEA   NOT NULL, -- sealed
    set_us   BIGINT  NOT NULL  -- by the database's clock
);
CREATE INDEX silences_set ON silences (set_us);

-- What people reported. The entries themselves are in the log; what is here fixes which ones, as they were.
CREATE TABLE reports (
    id           TEXT   NOT NULL PRIMARY KEY, -- UUIDv7
    conversation TEXT   NOT NULL,
    reporter     TEXT   NOT NULL,
    cid          TEXT   NOT NULL,
    reason       TEXT   NOT NULL,
    note         BYTEA  NOT NULL, -- sealed; empty for none
    filed_us     BIGINT NOT NULL,
    outcome      TEXT   NOT NULL, -- '' while open
    closed_us    BIGINT NOT NULL,
    UNIQUE (conversation, reporter, cid)
);
CREATE INDEX reports_outcome ON reports (outcome, id);
CREATE INDEX reports_reporter ON reports (reporter, filed_us);

CREATE TABLE report_entries (
    report TEXT   NOT NULL,
    seq    BIGINT NOT NULL,
    sender TEXT   NOT NULL, -- '' for the system
    leaf   BYTEA  NOT NULL, -- the entry's hash in the conversation's chain
    PRIMARY KEY (report, seq)
);

-- +goose Down
DROP TABLE report_entries;
DROP TABLE reports;
DROP TABLE silences;
