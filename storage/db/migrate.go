package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// ErrNewerSchema says that the database was written by a newer Parley than this one.
var ErrNewerSchema = errors.New("db: schema is newer than this program; run the version that wrote it, or a later one")

// migrate brings the schema up to date with the files of the dialect.
func migrate(ctx context.Context, conn *sql.DB, d dialect) error {
	name, dir := d.goose()
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return migrateTo(ctx, conn, name, files)
}

// migrateTo applies the files that the database has not seen, in the order of their numbers, each in a transaction of its
// own. Numbers may have gaps; a file below the highest applied one that was not applied itself is an error, since files of
// a released program are never joined by earlier ones. A crash leaves the schema of the last file that was committed.
func migrateTo(ctx context.Context, conn *sql.DB, name goose.Dialect, files fs.FS) error {
	p, err := goose.NewProvider(name, conn, files)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if have > p.ListSources()[len(p.ListSources())-1].Version {
		return ErrNewerSchema
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}
