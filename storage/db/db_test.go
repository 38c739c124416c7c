package db

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// openTest opens a fresh database that is closed with the test.
func openTest(t testing.TB) *DB {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "parley.db"))
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
	path := filepath.Join(t.TempDir(), "parley.db")
	d := openAt(t, path)
	if err := addRevocation(d, "user/a", nil); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if got := countRevocations(t, openAt(t, path)); got != 1 {
		t.Fatalf("%d rows after opening again, want 1", got)
	}
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
	d := openTest(t)
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
}

func TestReadersSeeTheLastCommitWhileAWriterIsBusy(t *testing.T) {
	d := openTest(t)
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
}

func TestThePoolForReadingCannotWrite(t *testing.T) {
	d := openTest(t)
	if _, err := d.read.Exec(`DELETE FROM revocations`); err == nil {
		t.Fatal("a write went through the pool for reading")
	}
}

func TestADatabaseOfANewerProgramIsNotOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parley.db")
	d := openAt(t, path)
	if _, err := d.write.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if d, err := OpenSQLite(t.Context(), path); !errors.Is(err, ErrNewerSchema) {
		if err == nil {
			d.Close()
		}
		t.Fatalf("error %v, want %v", err, ErrNewerSchema)
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
