-- +goose Up
CREATE TABLE recordings (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    interview  TEXT COLLATE "C" NOT NULL,
    node       TEXT COLLATE "C" NOT NULL, -- whose disk it is on until it is stored
    state      TEXT COLLATE "C" NOT NULL, -- 'recording', 'sealed', 'recovered', 'failed'
    started_us BIGINT           NOT NULL,
    ended_us   BIGINT           NOT NULL, -- 0 while it runs
    stored     BOOLEAN          NOT NULL, -- every object is confirmed by the bucket
    sealed     BYTEA            NOT NULL  -- under the recording key: participants, summaries, head, objects
);
CREATE INDEX recordings_by_interview ON recordings (interview, started_us, id);
CREATE INDEX recordings_pending ON recordings (node, started_us, id) WHERE NOT stored;

-- +goose Down
DROP TABLE recordings;
