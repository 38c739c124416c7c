-- +goose Up
CREATE TABLE interviews (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- UUIDv7
    conversation TEXT COLLATE "C" NOT NULL,
    key          TEXT COLLATE "C",                      -- the platform's own id; NULL when it gave none
    state        TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'live', 'ended')),
    reason       TEXT COLLATE "C" NOT NULL,             -- once ended
    posted       TEXT COLLATE "C" NOT NULL,             -- the last state whose card stands in the conversation
    opened_us    BIGINT           NOT NULL,
    live_us      BIGINT           NOT NULL,
    ended_us     BIGINT           NOT NULL,
    recorded_us  BIGINT           NOT NULL              -- when the first part of the recording began
);

CREATE UNIQUE INDEX interviews_by_key ON interviews (key);

-- One interview at a time in a conversation.
CREATE UNIQUE INDEX interviews_going_on ON interviews (conversation) WHERE state <> 'ended';

CREATE INDEX interviews_unposted ON interviews (id) WHERE posted <> state;

CREATE TABLE interview_participants (
    interview TEXT COLLATE "C" NOT NULL REFERENCES interviews (id),
    place     INTEGER          NOT NULL, -- from 0, in the conversation's order
    user_id   TEXT COLLATE "C" NOT NULL,
    role      TEXT COLLATE "C" NOT NULL,
    consent   TEXT COLLATE "C" NOT NULL, -- the answer as shown; the ledger is the truth
    PRIMARY KEY (interview, place)
);

CREATE UNIQUE INDEX interview_participants_by_user ON interview_participants (user_id, interview);

-- +goose Down
DROP TABLE interview_participants;
DROP TABLE interviews;
