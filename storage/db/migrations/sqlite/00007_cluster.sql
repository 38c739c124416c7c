-- +goose Up

-- The latest incarnation of each node. It lives while its beats are fresh by the database's clock.
CREATE TABLE cluster_nodes (
    node        TEXT NOT NULL PRIMARY KEY,
    incarnation TEXT NOT NULL, -- UUIDv7 of the process
    address     TEXT NOT NULL, -- host:port for calls; '' for a node that takes none
    draining    BOOLEAN NOT NULL,
    beat_us     BIGINT  NOT NULL
);

CREATE UNIQUE INDEX cluster_nodes_by_incarnation ON cluster_nodes (incarnation);

-- Who owns a room. The row stays when the room is released, so that its epoch only ever grows.
CREATE TABLE cluster_leases (
    room        TEXT NOT NULL PRIMARY KEY,
    epoch       BIGINT NOT NULL,
    node        TEXT NOT NULL,
    incarnation TEXT NOT NULL -- '' when released
);

CREATE INDEX cluster_leases_held ON cluster_leases (incarnation) WHERE incarnation <> '';

-- The epoch of the lease under which the interview was last written; an older one may not write any more.
ALTER TABLE interviews ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE interviews DROP COLUMN epoch;
DROP TABLE cluster_leases;
DROP TABLE cluster_nodes;
