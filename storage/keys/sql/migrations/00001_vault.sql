-- +goose Up
CREATE TABLE vault_generations (
    generation BIGINT NOT NULL PRIMARY KEY,
    made_us    BIGINT NOT NULL
);

-- The secrets of the generations. Rows elsewhere refer to the generation that wrapped them, so that none is dropped
-- while anything needs it.
CREATE TABLE vault_roots (
    generation BIGINT NOT NULL REFERENCES vault_generations (generation) ON DELETE CASCADE,
    root       TEXT   NOT NULL, -- id of the root key
    position   BIGINT NOT NULL, -- the highest of a generation was admitted last
    wrapped    BYTEA  NOT NULL,
    PRIMARY KEY (generation, root)
);

CREATE TABLE vault_names (
    one        BOOLEAN NOT NULL PRIMARY KEY CHECK (one),
    generation BIGINT  NOT NULL REFERENCES vault_generations (generation),
    sealed     BYTEA   NOT NULL
);

CREATE TABLE vault_signing (
    position   BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public     BYTEA  NOT NULL UNIQUE,
    generation BIGINT REFERENCES vault_generations (generation),
    sealed     BYTEA, -- gone once another key signs
    since_us   BIGINT NOT NULL,
    until_us   BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX vault_signing_one ON vault_signing ((true)) WHERE until_us = 0;

-- Every destruction takes the next number; the lock of this row makes numbers visible in their order.
CREATE TABLE vault_burials (
    one  BOOLEAN NOT NULL PRIMARY KEY CHECK (one),
    last BIGINT  NOT NULL
);

CREATE TABLE vault_keys (
    name         BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(name) = 32), -- keyed hash
    generation   BIGINT NOT NULL REFERENCES vault_generations (generation),
    sealed       BYTEA  NOT NULL, -- the wrapped key, or its tombstone
    burial       BIGINT,
    destroyed_us BIGINT
);
CREATE INDEX vault_keys_generation ON vault_keys (generation);
CREATE UNIQUE INDEX vault_keys_burial ON vault_keys (burial) WHERE burial IS NOT NULL;

-- +goose StatementBegin
CREATE FUNCTION vault_tombstones_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a tombstone stays for ever';
END $$;
-- +goose StatementEnd
CREATE TRIGGER vault_keys_buried BEFORE UPDATE ON vault_keys FOR EACH ROW
    WHEN (OLD.burial IS NOT NULL AND NEW.burial IS DISTINCT FROM OLD.burial) EXECUTE FUNCTION vault_tombstones_stay();
CREATE TRIGGER vault_keys_kept BEFORE DELETE ON vault_keys FOR EACH ROW
    WHEN (OLD.burial IS NOT NULL) EXECUTE FUNCTION vault_tombstones_stay();

-- +goose Down
DROP TABLE vault_keys, vault_burials, vault_signing, vault_names, vault_roots, vault_generations;
DROP FUNCTION vault_tombstones_stay;
