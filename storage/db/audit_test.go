package db

import (
	"context"
	"errors"
	"testing"
	"time"

	"parley/internal/audit"
	"parley/internal/audit/audittest"
	"parley/internal/identity"
)

func TestAuditKeepsTheContract(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		audittest.Store(t, func(t *testing.T) audittest.Opener {
			open := e.reopener(t)
			return func() audit.Store { return open().Audit() }
		})
	})
}

// newAudit is a log over a fresh database with a key of its own.
func newAudit(d *DB) *audit.Log {
	return audit.New(d.Audit(), audit.Config{Key: func(context.Context) ([32]byte, error) { return [32]byte{1}, nil }})
}

func TestAuditEntriesCannotBeChangedByAStatement(t *testing.T) { // A3
	forEachEngine(t, func(t *testing.T, d *DB) {
		log := newAudit(d)
		if err := log.Record(t.Context(), identity.Principal{User: "u", Role: identity.Operator}, "a.b", "x"); err != nil {
			t.Fatal(err)
		}
		refuses(t, d, "UPDATE audit SET action = 'x'", "DELETE FROM audit", "DELETE FROM audit WHERE seq = 1")
		refusesOn(t, d, sqliteDialect, "INSERT OR REPLACE INTO audit SELECT seq, time_us, role, 'x', sealed, prev, hash FROM audit")
		refusesOn(t, d, postgresDialect, "TRUNCATE audit",
			"INSERT INTO audit SELECT * FROM audit ON CONFLICT (seq) DO UPDATE SET action = 'x'")
		if err := log.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Whoever has the database file can drop the triggers; the chain tells.
func TestTamperingInTheDatabaseIsFound(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
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
			exec(t, d, `DELETE FROM audit`)
			exec(t, d, `INSERT INTO audit SELECT * FROM kept`)
			if err := log.Verify(t.Context()); err != nil {
				t.Fatalf("%s: put back: %v", column, err)
			}
		}
	})
}

// refuses expects that none of the statements goes through.
func refuses(t *testing.T, d *DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := d.write.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s: went through", statement)
		}
	}
}

// refusesOn is refuses for statements that only one engine understands.
func refusesOn(t *testing.T, d *DB, only dialect, statements ...string) {
	t.Helper()
	if d.dialect == only {
		refuses(t, d, statements...)
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
	on := map[dialect]string{postgresDialect: " ON audit"}[d.dialect]
	for _, trigger := range []string{"audit_no_update", "audit_no_delete"} {
		exec(t, d, `DROP TRIGGER `+trigger+on)
	}
}

func TestAuditTimesKeepTheirMicroseconds(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
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
	})
}
