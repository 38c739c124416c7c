-- +goose Up
CREATE TABLE interviews (
    id           TEXT   NOT NULL PRIMARY KEY, -- UUIDv7
    conversation TEXT   NOT NULL,
    key          TEXT,                        -- the platform's own id; NULL when it gave none
    state        TEXT   NOT NULL CHECK (state IN ('open', 'live', 'ended')),
    reason       TEXT   NOT NULL,             -- once ended
    posted       TEXT   NOT NULL,             -- the last state whose card stands in the conversation
    opened_us    BIGINT NOT NULL,
    live_us      BIGINT NOT NULL,
    ended_us     BIGINT NOT NULL,
    recorded_us  BIGINT NOT NULL              -- when the first part of the recording began
);

CREATE UNIQUE INDEX interviews_by_key ON interviews (key);

-- One interview at a time in a conversation.
CREATE UNIQUE INDEX interviews_going_on ON interviews (conversation) WHERE state <> 'ended';

CREATE INDEX interviews_unposted ON interviews (id) WHERE posted <> state;

CREATE TABLE interview_participants (
    interview TEXT    NOT NULL REFERENCES interviews (id),
    place     INTEGER NOT NULL, -- from 0, in the conversation's order
    user_id   TEXT    NOT NULL,
    role      TEXT    NOT NULL,
    consent   TEXT    NOT NULL, -- the answer as shown; the ledger is the truth
    PRIMARY KEY (interview, place)
);

CREATE UNIQUE INDEX interview_participants_by_user ON interview_participants (user_id, interview);

-- +goose Down
DROP TABLE interview_participants;
DROP TABLE interviews;
