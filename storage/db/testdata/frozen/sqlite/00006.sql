-- A database of schema version 6 with rows in every table, as text. It is never changed.

CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);

CREATE TABLE revocations (
    subject   TEXT   NOT NULL, -- 'user/<id>' or 'token/<jti>'
    before_us BIGINT NOT NULL, -- tokens issued up to then are refused
    PRIMARY KEY (subject)
);

CREATE TABLE chat_conversations (
    id           TEXT   NOT NULL PRIMARY KEY,
    platform_key TEXT   NOT NULL UNIQUE, -- the platform's own id of it
    title        BLOB   NOT NULL,        -- sealed
    opened_us    BIGINT NOT NULL,
    head         BIGINT NOT NULL         -- the last seq given; changed only by the transaction that inserts the entries
);

CREATE TABLE chat_members (
    conversation TEXT     NOT NULL REFERENCES chat_conversations (id),
    user_id      TEXT     NOT NULL,
    place        SMALLINT NOT NULL, -- order of opening
    role         TEXT     NOT NULL,
    name         BLOB     NOT NULL, -- sealed: family and given name, company
    disclosed    SMALLINT NOT NULL, -- 1: the others may see the full name (T2); never back to 0
    delivered    BIGINT   NOT NULL, -- cursors; they only grow and stay at or below the head
    read_to      BIGINT   NOT NULL,
    PRIMARY KEY (conversation, user_id)
);

CREATE TABLE chat_entries (
    conversation TEXT   NOT NULL,
    seq          BIGINT NOT NULL, -- dense from 1
    sender       TEXT   NOT NULL, -- '' is the system
    cid          TEXT   NOT NULL,
    time_us      BIGINT NOT NULL,
    type         TEXT   NOT NULL,
    sealed       BLOB   NOT NULL,
    UNIQUE (conversation, seq),
    UNIQUE (conversation, sender, cid)
);

CREATE TABLE recordings (
    id         TEXT    NOT NULL PRIMARY KEY,
    interview  TEXT    NOT NULL,
    node       TEXT    NOT NULL, -- whose disk it is on until it is stored
    state      TEXT    NOT NULL, -- 'recording', 'sealed', 'recovered', 'failed'
    started_us BIGINT  NOT NULL,
    ended_us   BIGINT  NOT NULL, -- 0 while it runs
    stored     BOOLEAN NOT NULL, -- every object is confirmed by the bucket
    sealed     BLOB    NOT NULL  -- under the recording key: participants, summaries, head, objects
);

CREATE TABLE consents (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    subject BLOB   NOT NULL, -- HMAC of the user id under a vault key (A4)
    purpose TEXT   NOT NULL,
    context TEXT   NOT NULL, -- what it is limited to ('' the whole purpose)
    kind    TEXT   NOT NULL CHECK (kind IN ('agree', 'decline', 'withdraw')),
    version TEXT   NOT NULL, -- of the text that was shown
    sealed  BLOB   NOT NULL, -- who and how far
    at_us   BIGINT NOT NULL
);

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

CREATE TABLE interview_participants (
    interview TEXT    NOT NULL REFERENCES interviews (id),
    place     INTEGER NOT NULL, -- from 0, in the conversation's order
    user_id   TEXT    NOT NULL,
    role      TEXT    NOT NULL,
    consent   TEXT    NOT NULL, -- the answer as shown; the ledger is the truth
    PRIMARY KEY (interview, place)
);

CREATE TABLE audit (
    seq     BIGINT NOT NULL, -- dense from 1
    time_us BIGINT NOT NULL,
    role    TEXT   NOT NULL, -- empty: the server itself
    action  TEXT   NOT NULL,
    sealed  BLOB   NOT NULL, -- actor, object and detail
    prev    BLOB   NOT NULL,
    hash    BLOB   NOT NULL,
    PRIMARY KEY (seq)
);

INSERT INTO goose_db_version (id, version_id, is_applied, tstamp) VALUES (1, 0, 1, '2026-07-01 08:30:00');
INSERT INTO goose_db_version (id, version_id, is_applied, tstamp) VALUES (2, 1, 1, '2026-07-01 08:30:00');
INSERT INTO goose_db_version (id, version_id, is_applied, tstamp) VALUES (3, 2, 1, '2026-07-01 08:30:00');
INSERT INTO goose_db_version (id, version_id, is_applied, tstamp) VALUES (4, 3, 1, '2026-07-01 08:30:00');
INSERT INTO goose_db_version (id, version_id, is_applied, tstamp) VALUES (5, 4, 1, '2026-07-01 08:30:00');
INSERT INTO goose_db_version (id, version_id, is_applied, tstamp) VALUES (6, 5, 1, '2026-07-01 08:30:00');
INSERT INTO goose_db_version (id, version_id, is_applied, tstamp) VALUES (7, 6, 1, '2026-07-01 08:30:00');
INSERT INTO revocations (subject, before_us) VALUES ('user/u-gone', 1782894600000000);
INSERT INTO revocations (subject, before_us) VALUES ('token/jti-7', 1782894600000001);
INSERT INTO chat_conversations (id, platform_key, title, opened_us, head) VALUES ('0195794e-8f10-7c3a-9d42-000000000001', 'job-17', X'7469746C65', 1782894600123456, 3);
INSERT INTO chat_members (conversation, user_id, place, role, name, disclosed, delivered, read_to) VALUES ('0195794e-8f10-7c3a-9d42-000000000001', 'u-rob', 0, 'recruiter', X'00FF01', 0, 3, 2);
INSERT INTO chat_members (conversation, user_id, place, role, name, disclosed, delivered, read_to) VALUES ('0195794e-8f10-7c3a-9d42-000000000001', 'u-ann', 1, 'candidate', X'00FF02', 1, 2, 1);
INSERT INTO chat_entries (conversation, seq, sender, cid, time_us, type, sealed) VALUES ('0195794e-8f10-7c3a-9d42-000000000001', 1, '', 'opened', 1782894600123456, 'system', X'0100');
INSERT INTO chat_entries (conversation, seq, sender, cid, time_us, type, sealed) VALUES ('0195794e-8f10-7c3a-9d42-000000000001', 2, 'u-ann', '0195794e-8f10-7c3a-9d42-0000000000a2', 1782894601000000, 'text', X'0200');
INSERT INTO chat_entries (conversation, seq, sender, cid, time_us, type, sealed) VALUES ('0195794e-8f10-7c3a-9d42-000000000001', 3, 'u-rob', '0195794e-8f10-7c3a-9d42-0000000000a3', 1782894602000000, 'text', X'0300');
INSERT INTO recordings (id, interview, node, state, started_us, ended_us, stored, sealed) VALUES ('0195794e-8f10-7c3a-9d42-000000000101', '0195794e-8f10-7c3a-9d42-000000000201', 'n1', 'sealed', 1782894700000000, 1782894800000000, 1, X'AA');
INSERT INTO recordings (id, interview, node, state, started_us, ended_us, stored, sealed) VALUES ('0195794e-8f10-7c3a-9d42-000000000102', '0195794e-8f10-7c3a-9d42-000000000202', 'n1', 'recording', 1782894900000000, 0, 0, X'BB');
INSERT INTO consents (seq, subject, purpose, context, kind, version, sealed, at_us) VALUES (1, X'0101010101010101010101010101010101010101010101010101010101010101', 'recording', 'i1', 'agree', 'v1', X'01', 1782894600000001);
INSERT INTO consents (seq, subject, purpose, context, kind, version, sealed, at_us) VALUES (2, X'0101010101010101010101010101010101010101010101010101010101010101', 'recording', 'i1', 'withdraw', 'v1', X'02', 1782894600000002);
INSERT INTO interviews (id, conversation, key, state, reason, posted, opened_us, live_us, ended_us, recorded_us) VALUES ('0195794e-8f10-7c3a-9d42-000000000201', '0195794e-8f10-7c3a-9d42-000000000001', 'slot-1', 'ended', 'finished', 'ended', 1782894600000000, 1782894650000000, 1782894800000000, 1782894700000000);
INSERT INTO interviews (id, conversation, key, state, reason, posted, opened_us, live_us, ended_us, recorded_us) VALUES ('0195794e-8f10-7c3a-9d42-000000000202', '0195794e-8f10-7c3a-9d42-000000000001', NULL, 'live', '', 'live', 1782894850000000, 1782894860000000, 0, 1782894900000000);
INSERT INTO interview_participants (interview, place, user_id, role, consent) VALUES ('0195794e-8f10-7c3a-9d42-000000000201', 0, 'u-rob', 'recruiter', 'agreed');
INSERT INTO interview_participants (interview, place, user_id, role, consent) VALUES ('0195794e-8f10-7c3a-9d42-000000000201', 1, 'u-ann', 'candidate', 'agreed');
INSERT INTO interview_participants (interview, place, user_id, role, consent) VALUES ('0195794e-8f10-7c3a-9d42-000000000202', 0, 'u-rob', 'recruiter', 'agreed');
INSERT INTO interview_participants (interview, place, user_id, role, consent) VALUES ('0195794e-8f10-7c3a-9d42-000000000202', 1, 'u-ann', 'candidate', 'pending');
INSERT INTO audit (seq, time_us, role, action, sealed, prev, hash) VALUES (1, 1782894601000000, 'operator', 'recording.read', X'01E037775073974FE057FABB4982ED496FAF524669558E2E82738F3C903D8FE27AAB23D0F5BF438768D0B035A386443489BE569C27B8509E22B78B1A', X'0000000000000000000000000000000000000000000000000000000000000000', X'6928BAD8D5F44C8789363E607C4D55F1566C321CAAB7F72969F8A7AD2678B156');
INSERT INTO audit (seq, time_us, role, action, sealed, prev, hash) VALUES (2, 1782894602000000, 'operator', 'recording.read', X'01EBFED438A15F19156996C10A0A01591A62371F294FAAE22E65F4D998264086D6C9B39D39164BB294043EF90ECA741A1F4D0C19DCD68297BBABFC1F', X'6928BAD8D5F44C8789363E607C4D55F1566C321CAAB7F72969F8A7AD2678B156', X'64C0329879FB056BE87B5C58ED0B0B9756CEB0D6C51E172DB373B8A7A19BFEBF');

CREATE INDEX chat_members_by_user ON chat_members (user_id);

CREATE INDEX recordings_by_interview ON recordings (interview, started_us, id);

CREATE INDEX recordings_pending ON recordings (node, started_us, id) WHERE NOT stored;

CREATE INDEX consents_by_matter ON consents (subject, purpose, context, seq);

CREATE TRIGGER consents_never_change BEFORE UPDATE ON consents
BEGIN
    SELECT RAISE(ABORT, 'the consent ledger is append-only');
END;

CREATE TRIGGER consents_never_go BEFORE DELETE ON consents
BEGIN
    SELECT RAISE(ABORT, 'the consent ledger is append-only');
END;

CREATE UNIQUE INDEX interviews_by_key ON interviews (key);

CREATE UNIQUE INDEX interviews_going_on ON interviews (conversation) WHERE state <> 'ended';

CREATE INDEX interviews_unposted ON interviews (id) WHERE posted <> state;

CREATE UNIQUE INDEX interview_participants_by_user ON interview_participants (user_id, interview);

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;

CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
