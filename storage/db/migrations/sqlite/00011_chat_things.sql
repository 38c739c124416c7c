-- +goose Up
ALTER TABLE chat_conversations ADD COLUMN starter TEXT NOT NULL DEFAULT ''; -- '' is the platform
ALTER TABLE chat_conversations ADD COLUMN revised SMALLINT NOT NULL DEFAULT 0; -- 1: chat_revisions has rows of it
ALTER TABLE chat_members ADD COLUMN company TEXT NOT NULL DEFAULT ''; -- id; '' is unknown

-- What is shown in place of an entry. An entry that was revised names itself as root and has the latest revision; an edit
-- names the entry that it edited, whose latest revision is shown in place of older edits as well. chat_entries keeps all.
CREATE TABLE chat_revisions (
    conversation TEXT   NOT NULL,
    target       BIGINT NOT NULL,
    root         BIGINT NOT NULL,
    seq          BIGINT NOT NULL, -- of the revision
    kind         TEXT   NOT NULL, -- 'edit' or 'recall'; nothing follows a recall
    PRIMARY KEY (conversation, target)
);

-- What goes from state to state by entries: exchanges, appointments.
CREATE TABLE chat_things (
    conversation TEXT   NOT NULL,
    id           TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    what         TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    opener       TEXT   NOT NULL,
    seq          BIGINT NOT NULL, -- of the last step's entry
    changed_us   BIGINT NOT NULL,
    expires_us   BIGINT NOT NULL, -- 0: never
    sealed       BLOB,
    PRIMARY KEY (conversation, id)
);
CREATE INDEX chat_things_by_kind ON chat_things (conversation, kind, seq);
CREATE INDEX chat_things_by_expiry ON chat_things (kind, expires_us) WHERE expires_us > 0;

-- +goose Down
DROP TABLE chat_things;
DROP TABLE chat_revisions;
ALTER TABLE chat_members DROP COLUMN company;
ALTER TABLE chat_conversations DROP COLUMN revised;
ALTER TABLE chat_conversations DROP COLUMN starter;
