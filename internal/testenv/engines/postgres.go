package engines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a PostgreSQL server that syncs to disk at each commit as usual; what that costs depends on where its
// folder is.
type Postgres struct {
	*Process
	made atomic.Int64
}

// StartPostgres starts a server in a folder of its own, in memory where it can be; Close ends it.
func StartPostgres(ctx context.Context) (*Postgres, error) { return StartPostgresIn(ctx, scratch()) }

// StartPostgresIn is StartPostgres with the server's folder in parent, which other users may pass: its disk is what
// commits wait for.
func StartPostgresIn(ctx context.Context, parent string) (*Postgres, error) {
	server, err := findPostgres()
	if err != nil {
		return nil, err
	}
	owner, err := otherUser()
	if err != nil {
		return nil, err
	}
	p, err := newProcessIn(parent, "postgres", owner)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(p.Dir, "data")
	if err := p.run(ctx, filepath.Join(filepath.Dir(server), "initdb"), "-D", data, "-U", "parley", "--auth=trust", "--no-sync", "-E", "UTF8"); err != nil {
		return nil, errors.Join(fmt.Errorf("make a PostgreSQL in %s, which other users must be able to pass (chmod a+x, up to the root): %w", parent, err), p.Close())
	}
	p.command = []string{server, "-D", data, "-h", "127.0.0.1", "-p", p.port(), "-k", p.Dir,
		"-c", "max_connections=300", "-c", "dynamic_shared_memory_type=mmap", "-c", "shared_buffers=128MB"}
	pg := &Postgres{Process: p}
	p.answers = func(ctx context.Context) error { return pg.admin(ctx, "SELECT 1") }
	return pg, p.Start(ctx)
}

func findPostgres() (string, error) {
	return find("postgres", "/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin")
}

// HasPostgres is nil if PostgreSQL is installed, or else [ErrMissing].
func HasPostgres() error {
	_, err := findPostgres()
	return err
}

// URL is how to reach a database of the server.
func (p *Postgres) URL(database string) string {
	return fmt.Sprintf("postgres://parley@%s/%s?sslmode=disable", p.Addr, database)
}

func (p *Postgres) admin(ctx context.Context, statement string) error {
	c, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, statement)
	return err
}

// Fresh makes an empty database and returns its URL.
func (p *Postgres) Fresh(ctx context.Context) (string, error) {
	name := fmt.Sprintf("fresh_%d", p.made.Add(1))
	if err := p.admin(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("make database: %w", err)
	}
	return p.URL(name), nil
}

var shared = sync.OnceValues(func() (*Postgres, error) { return StartPostgres(context.Background()) })

// PostgreSQL returns the URL of an empty database, on a server that all tests of the process share.
func PostgreSQL(t testing.TB) string {
	t.Helper()
	p, err := shared()
	need(t, err)
	url, err := p.Fresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// OwnPostgreSQL is a server of the test's own, which it may kill and start again.
func OwnPostgreSQL(t testing.TB) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.Context())
	need(t, err)
	closed(t, p.Process)
	return p
}

// Kill ends the server as a crash does, its backends included: they notice the end of their parent by themselves, and
// until they have, no other server can have the data.
func (p *Postgres) Kill() error {
	backends, err := p.backends()
	if err != nil {
		return err
	}
	if err := p.Process.Kill(); err != nil {
		return err
	}
	for deadline := time.Now().Add(startTime); len(backends) > 0 && time.Now().Before(deadline); {
		backends = slices.DeleteFunc(backends, gone)
		<-time.After(5 * time.Millisecond)
	}
	return nil
}

// backends are the children of the server's first process.
func (p *Postgres) backends() ([]int, error) {
	text, err := os.ReadFile(filepath.Join(p.Dir, "data", "postmaster.pid"))
	if err != nil {
		return nil, fmt.Errorf("find backends: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	text, err = os.ReadFile(filepath.Join("/proc", first, "task", first, "children"))
	if err != nil {
		return nil, fmt.Errorf("find backends: %w", err)
	}
	var pids []int
	for field := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("find backends: %w", err)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// gone says that a process is not there any more, or is a zombie that nobody has asked after.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z")
}
