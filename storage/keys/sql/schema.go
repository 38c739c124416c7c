package sql

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// schemaTable is where goose keeps the version: another one than the main database's.
const schemaTable = "vault_schema"

// Advisory locks. Only the nodes of one vault share its database.
const (
	lockStart    = 0x7061726c01 // held while a node migrates and makes what is missing
	lockSecrets  = 0x7061726c02 // held while generations or signing keys change
	lockRotation = 0x7061726c03 // held during a whole rotation of the root key
)

// start brings the schema up to date and makes the first keys, one node at a time. A crash leaves whole migrations, and
// either all of the first keys or none.
func (v *Vault) start(ctx context.Context) error {
	return v.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(lockStart)); err != nil {
			return stored(err)
		}
		if err := mustSync(ctx, tx); err != nil {
			return err
		}
		if err := mustBeAlone(ctx, tx); err != nil {
			return err
		}
		if err := v.migrate(ctx); err != nil {
			return err
		}
		return v.makeFirst(ctx, tx)
	})
}

// mustSync refuses a server for which a commit means nothing. (synchronous_commit is a matter of the session: see
// session.)
func mustSync(ctx context.Context, tx pgx.Tx) error {
	var fsync string
	if err := tx.QueryRow(ctx, "SHOW fsync").Scan(&fsync); err != nil {
		return stored(err)
	}
	if fsync != "on" {
		return errors.New("the vault's database runs with fsync = off and would lose keys: switch it on")
	}
	return nil
}

// mustBeAlone refuses a database that holds tables of anybody else, extensions aside.
func mustBeAlone(ctx context.Context, tx pgx.Tx) error {
	var others int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
		AND NOT (n.nspname = current_schema() AND c.relname IN ('vault_schema', 'vault_generations', 'vault_roots',
			'vault_names', 'vault_signing', 'vault_burials', 'vault_keys'))
		AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`).Scan(&others)
	if err != nil {
		return stored(err)
	}
	if others > 0 {
		return ErrNotAlone
	}
	return nil
}

func (v *Vault) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	conn := stdlib.OpenDBFromPool(v.pool)
	defer conn.Close()
	p, err := goose.NewProvider(goose.DialectPostgres, conn, files, goose.WithTableName(schemaTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	sources := p.ListSources()
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return stored(err)
	}
	if have > sources[len(sources)-1].Version {
		return ErrNewerSchema
	}
	if _, err := p.Up(ctx); err != nil {
		return stored(err)
	}
	return nil
}
