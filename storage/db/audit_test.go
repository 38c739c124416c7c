package db

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"parley/internal/audit"
	"parley/internal/audit/audittest"
	"parley/internal/identity"
)

func TestAuditKeepsTheContract(t *testing.T) {
	audittest.Store(t, func(t *testing.T) audittest.Opener {
		path := filepath.Join(t.TempDir(), "parley.db")
		var d *DB
		return func() audit.Store {
			if d != nil {
				d.Close()
			}
			d = openAt(t, path)
			return d.Audit()
		}
	})
}

// newAudit is a log over a fresh database with a key of its own.
func newAudit(d *DB) *audit.Log {
	return audit.New(d.Audit(), audit.Config{Key: func(context.Context) ([32]byte, error) { return [32]byte{1}, nil }})
}

func TestAuditEntriesCannotBeChangedByAStatement(t *testing.T) { // A3
	d := openTest(t)
	log := newAudit(d)
	if err := log.Record(t.Context(), identity.Principal{User: "u", Role: identity.Operator}, "a.b", "x"); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"UPDATE audit SET action = 'x'", "DELETE FROM audit",
		"INSERT OR REPLACE INTO audit SELECT seq, time_us, role, 'x', sealed, prev, hash FROM audit"} {
		if _, err := d.write.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s: went through", statement)
		}
	}
	if err := log.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// Whoever has the database file can drop the triggers; the chain tells.
func TestTamperingInTheDatabaseIsFound(t *testing.T) {
	d := openTest(t)
	log := newAudit(d)
	for range 3 {
		if err := log.Record(t.Context(), identity.Principal{}, "a.b", "x"); err != nil {
			t.Fatal(err)
		}
	}
	dropTriggers(t, d)
	exec(t, d, `CREATE TABLE kept AS SELECT * FROM audit`)
	for column, value := range map[string]any{
		"time_us": int64(5), "role": "candidate", "action": "x", "sealed": []byte{1, 2, 3},
		"prev": make([]byte, 32), "hash": make([]byte, 32), "hash /* cut */": []byte{1}, "prev /* longer */": make([]byte, 33),
	} {
		exec(t, d, `UPDATE audit SET `+column+` = $1 WHERE seq = 2`, value)
		var found *audit.Tampered
		if err := log.Verify(t.Context()); !errors.As(err, &found) || found.Seq != 2 {
			t.Errorf("%s: found %v, want entry 2", column, err)
		}
		exec(t, d, `INSERT OR REPLACE INTO audit SELECT * FROM kept`)
		if err := log.Verify(t.Context()); err != nil {
			t.Fatalf("%s: put back: %v", column, err)
		}
	}
}

func exec(t *testing.T, d *DB, statement string, args ...any) {
	t.Helper()
	if _, err := d.write.Exec(statement, args...); err != nil {
		t.Fatal(err)
	}
}

func dropTriggers(t *testing.T, d *DB) {
	t.Helper()
	for _, trigger := range []string{"audit_no_update", "audit_no_delete"} {
		exec(t, d, `DROP TRIGGER `+trigger)
	}
}

func TestAuditTimesKeepTheirMicroseconds(t *testing.T) {
	d := openTest(t)
	at := time.Date(2026, 7, 1, 8, 30, 0, 123456789, time.UTC)
	log := audit.New(d.Audit(), audit.Config{
		Key: func(context.Context) ([32]byte, error) { return [32]byte{1}, nil },
		Now: func() time.Time { return at },
	})
	if err := log.Record(t.Context(), identity.Principal{}, "a.b", "x"); err != nil {
		t.Fatal(err)
	}
	entries, err := log.Read(t.Context(), 0, 1)
	if err != nil || !entries[0].Time.Equal(at.Truncate(time.Microsecond)) {
		t.Errorf("entries %v, %v", entries, err)
	}
}
