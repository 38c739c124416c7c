-- +goose Up
-- What further kinds of events tell; '' where the kind has none.
ALTER TABLE outbox ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN channel TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN class TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN notice TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN report TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox_dead ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox_dead ADD COLUMN channel TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox_dead ADD COLUMN class TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox_dead ADD COLUMN notice TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox_dead ADD COLUMN report TEXT NOT NULL DEFAULT '';

-- What a member has not read, until it was read or every channel was used. A claim moves due_us by a lease.
CREATE TABLE reminders (
    user_id      TEXT    NOT NULL,
    conversation TEXT    NOT NULL,
    seq          BIGINT  NOT NULL, -- the newest entry that is unread
    since_us     BIGINT  NOT NULL, -- when the first entry of this streak came
    told_seq     BIGINT  NOT NULL, -- the newest entry that was reminded of; 0 before the first reminder
    told_us      BIGINT  NOT NULL,
    step         INTEGER NOT NULL, -- reminders of this streak so far
    due_us       BIGINT  NOT NULL, -- 0: none until something new comes
    PRIMARY KEY (user_id, conversation)
);
CREATE INDEX reminders_due ON reminders (due_us) WHERE due_us > 0;

-- Notices that the platform asked for, kept for a while after they went out, so that a repeat is known.
CREATE TABLE notices (
    id        TEXT   NOT NULL PRIMARY KEY, -- the platform's own
    user_id   TEXT   NOT NULL,
    class     TEXT   NOT NULL,
    channels  TEXT   NOT NULL, -- that were asked for, joined by commas
    made_us   BIGINT NOT NULL,
    due_us    BIGINT NOT NULL  -- 0: done
);
CREATE INDEX notices_due ON notices (due_us) WHERE due_us > 0;
CREATE INDEX notices_made ON notices (made_us);

-- +goose Down
DROP TABLE notices;
DROP TABLE reminders;
ALTER TABLE outbox_dead DROP COLUMN report;
ALTER TABLE outbox_dead DROP COLUMN notice;
ALTER TABLE outbox_dead DROP COLUMN class;
ALTER TABLE outbox_dead DROP COLUMN channel;
ALTER TABLE outbox_dead DROP COLUMN user_id;
ALTER TABLE outbox DROP COLUMN report;
ALTER TABLE outbox DROP COLUMN notice;
ALTER TABLE outbox DROP COLUMN class;
ALTER TABLE outbox DROP COLUMN channel;
ALTER TABLE outbox DROP COLUMN user_id;
