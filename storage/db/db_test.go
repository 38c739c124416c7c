package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"parley/internal/testenv/engines"
)

// place opens the same database at each call; what it opened before should be closed by then.
type place func(t testing.TB) *DB

// engine is a kind of database; fresh makes an empty one.
type engine struct {
	name  string
	fresh func(t testing.TB) place
}

var bothEngines = []engine{
	{"sqlite", func(t testing.TB) place {
		path := filepath.Join(t.TempDir(), "parley.db")
		if err := os.WriteFile(path, migrated(t), 0o600); err != nil {
			t.Fatal(err)
		}
		return func(t testing.TB) *DB { return openAt(t, path) }
	}},
	{"postgres", func(t testing.TB) place {
		url := copied(t)
		return func(t testing.TB) *DB { return openURL(t, url) }
	}},
}

var template struct {
	sync.Mutex
	file []byte // an empty SQLite database
	url  string // of an empty PostgreSQL database
	made int
}

// migrated is an empty SQLite database; migrating once spares the tests most of their time.
func migrated(t testing.TB) []byte {
	t.Helper()
	template.Lock()
	defer template.Unlock()
	if template.file != nil {
		return template.file
	}
	path := filepath.Join(t.TempDir(), "template.db")
	d, err := OpenSQLite(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if template.file, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return template.file
}

// copied is the URL of an empty PostgreSQL database that is a copy of one migrated before.
func copied(t testing.TB) string {
	t.Helper()
	template.Lock()
	defer template.Unlock()
	if template.url == "" {
		url := engines.PostgreSQL(t)
		d, err := OpenPostgres(context.Background(), url, PostgresConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		template.url = url
	}
	template.made++
	server, from, _ := strings.Cut(strings.TrimSuffix(template.url, "?sslmode=disable"), "/fresh_")
	admin, err := pgx.Connect(t.Context(), server+"/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	if _, err := admin.Exec(t.Context(), fmt.Sprintf("CREATE DATABASE copy_%d TEMPLATE fresh_%s", template.made, from)); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s/copy_%d?sslmode=disable", server, template.made)
}

// open opens a fresh database that is closed with the test.
func (e engine) open(t testing.TB) *DB {
	t.Helper()
	return e.fresh(t)(t)
}

// reopener gives what a suite with restarts wants: each call closes the database, if it is open, and opens it again.
func (e engine) reopener(t testing.TB) func() *DB {
	at := e.fresh(t)
	var d *DB
	return func() *DB {
		if d != nil {
			d.Close()
		}
		d = at(t)
		return d
	}
}

// onEachEngine runs f once an engine, which f opens as often as it likes.
func onEachEngine(t *testing.T, f func(t *testing.T, e engine)) {
	for _, e := range bothEngines {
		t.Run(e.name, func(t *testing.T) { f(t, e) })
	}
}

// forEachEngine runs f over a fresh database of each engine.
func forEachEngine(t *testing.T, f func(t *testing.T, d *DB)) {
	onEachEngine(t, func(t *testing.T, e engine) { f(t, e.open(t)) })
}

// openTest opens a fresh SQLite database that is closed with the test.
func openTest(t testing.TB) *DB {
	t.Helper()
	return bothEngines[0].open(t)
}

// openURL opens a PostgreSQL database, closed with the test.
func openURL(t testing.TB, url string) *DB {
	t.Helper()
	d, err := OpenPostgres(t.Context(), url, PostgresConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// openAt opens the database at path, closed with the test; closing it earlier is fine.
func openAt(t testing.TB, path string) *DB {
	t.Helper()
	d, err := OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestOpeningAgainKeepsWhatWasCommitted(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		open := e.fresh(t)
		d := open(t)
		if err := addRevocation(d, "user/a", nil); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if got := countRevocations(t, open(t)); got != 1 {
			t.Fatalf("%d rows after opening again, want 1", got)
		}
	})
}

func TestAnyPathWillDo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "数据 100%25?x=1#y")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	openAt(t, filepath.Join(dir, "parley.db"))
	if _, err := os.Stat(filepath.Join(dir, "parley.db")); err != nil {
		t.Fatal(err)
	}
}

func TestTheFilesAreTheirOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	if err := addRevocation(openAt(t, filepath.Join(dir, "parley.db")), "user/a", nil); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 { // the database and its log, at least
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestAnErrorInsideATransactionRollsAllOfItBack(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		boom := errors.New("boom")
		if err := addRevocation(d, "user/a", boom); !errors.Is(err, boom) {
			t.Fatalf("error %v, want %v", err, boom)
		}
		if got := countRevocations(t, d); got != 0 {
			t.Fatalf("%d rows after a roll-back, want 0", got)
		}
		if err := addRevocation(d, "user/a", nil); err != nil {
			t.Fatalf("the next transaction: %v", err)
		}
	})
}

func TestReadersSeeTheLastCommitWhileAWriterIsBusy(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		err := d.tx(t.Context(), func(tx *sql.Tx) error {
			if _, err := tx.Exec(`INSERT INTO revocations (subject, before_us) VALUES ($1, $2)`, "user/a", 1); err != nil {
				return err
			}
			if got := countRevocations(t, d); got != 0 {
				t.Errorf("a reader sees %d rows that are not committed", got)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := countRevocations(t, d); got != 1 {
			t.Errorf("a reader sees %d rows after the commit, want 1", got)
		}
	})
}

func TestThePoolForReadingCannotWrite(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		if _, err := d.read.Exec(`DELETE FROM revocations`); err == nil {
			t.Fatal("a write went through the pool for reading")
		}
	})
}

func TestADatabaseOfANewerProgramIsNotOpened(t *testing.T) {
	path, url := filepath.Join(t.TempDir(), "parley.db"), engines.PostgreSQL(t)
	for name, open := range map[string]func() (*DB, error){
		"sqlite":   func() (*DB, error) { return OpenSQLite(t.Context(), path) },
		"postgres": func() (*DB, error) { return OpenPostgres(t.Context(), url, PostgresConfig{}) },
	} {
		d, err := open()
		if err != nil {
			t.Fatal(err)
		}
		exec(t, d, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`)
		d.Close()
		if d, err = open(); !errors.Is(err, ErrNewerSchema) {
			t.Errorf("%s: error %v, want %v", name, err, ErrNewerSchema)
		}
		if err == nil {
			d.Close()
		}
	}
}

func TestCommitsSurviveALossOfPower(t *testing.T) {
	d := openTest(t)
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1"} {
		var got string
		if err := d.write.QueryRow(`PRAGMA ` + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("PRAGMA %s = %q, %v; want %q", pragma, got, err, want)
		}
	}
}

func TestTimesKeepTheirMicrosecondsAndZero(t *testing.T) {
	for _, at := range []time.Time{{}, time.Date(2026, 7, 1, 8, 30, 0, 123456000, time.UTC), time.UnixMicro(-5).UTC()} {
		if got := fromMicros(micros(at)); !got.Equal(at) || got.IsZero() != at.IsZero() {
			t.Errorf("fromMicros(micros(%v)) = %v", at, got)
		}
	}
}

// addRevocation adds a row in a transaction that ends with fail.
func addRevocation(d *DB, subject string, fail error) error {
	return d.tx(context.Background(), func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT INTO revocations (subject, before_us) VALUES ($1, $2)`, subject, 1); err != nil {
			return err
		}
		return fail
	})
}

func countRevocations(t testing.TB, d *DB) int {
	t.Helper()
	var n int
	if err := d.read.QueryRow(`SELECT COUNT(*) FROM revocations`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
