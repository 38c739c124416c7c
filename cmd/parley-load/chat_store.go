package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"parley/internal/testenv/engines"
)

// chatStore is what a server keeps its log in.
type chatStore struct {
	name string
	url  string // of PostgreSQL that runs already
}

// The stores there are.
const (
	sqliteStore   = "sqlite"
	postgresStore = "postgres"
)

// stores are those that were asked for.
func (c chatCommand) stores() ([]chatStore, error) {
	var list []chatStore
	if c.Store != postgresStore {
		list = append(list, chatStore{name: sqliteStore})
	}
	if c.Store == sqliteStore {
		return list, nil
	}
	if err := engines.HasPostgres(); c.Postgres == "" && err != nil {
		if c.Store == postgresStore {
			return nil, fmt.Errorf("measure PostgreSQL: %w; install it or name a database by --postgres", err)
		}
		fmt.Fprintln(os.Stderr, "parley-load: PostgreSQL is left out: it is not installed, and no database is named by --postgres")
		return list, nil
	}
	return append(list, chatStore{name: postgresStore, url: c.Postgres}), nil
}

// place is where a store's data are.
type place struct {
	data   string // folder
	url    string // of PostgreSQL, or empty
	engine *engines.Postgres
}

// prepare makes fresh data below dir.
func (s chatStore) prepare(ctx context.Context, dir string) (p place, err error) {
	if p.data, err = os.MkdirTemp(dir, "parley-load-"); err != nil {
		return p, fmt.Errorf("make data folder: %w", err)
	}
	if p.url = s.url; s.name == sqliteStore || p.url != "" {
		return p, nil
	}
	if p.engine, err = engines.StartPostgresIn(ctx, dir); err == nil {
		p.url, err = p.engine.Fresh(ctx)
	}
	if err != nil {
		return p, errors.Join(err, p.remove())
	}
	return p, nil
}

// remove ends what prepare started.
func (p place) remove() error {
	err := os.RemoveAll(p.data)
	if p.engine != nil {
		err = errors.Join(err, p.engine.Close())
	}
	return err
}

// database are the arguments that name it, for a server.
func (p place) database() []string {
	if p.url == "" {
		return nil
	}
	return []string{"--database", p.url}
}

// ceiling measures the store alone, in a process as the server's. On SQLite it has a file of its own beside the server's.
func (c chatCommand) ceiling(ctx context.Context, p place, inFlight int) (top ceiling, err error) {
	args := append([]string{"ceiling", "--producers", strconv.Itoa(c.Senders * inFlight), "--seconds", strconv.Itoa(c.Seconds),
		"--file", filepath.Join(p.data, fmt.Sprintf("ceiling-%d.db", inFlight))}, p.database()...)
	child, err := startBeside(ctx, &top, args...)
	if err != nil {
		return top, err
	}
	return top, child.stop()
}
