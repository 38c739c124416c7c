package db

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"parley/internal/identity"
	"parley/internal/testenv/engines"
)

const planted = "Ouyang-Xiaowen"

// Every way in which the database refuses a value quotes it: as a key, as a row, as text that can't be read.
func TestNoErrorQuotesWhatWasStored(t *testing.T) { // A4
	forEachEngine(t, func(t *testing.T, d *DB) {
		exec(t, d, `INSERT INTO revocations (subject, before_us) VALUES ($1, 1)`, planted)
		exec(t, d, `CREATE TABLE picky (name TEXT CHECK (length(name) < 3), n BIGINT)`)
		errs := map[string]error{}
		try := func(what, statement string, args ...any) { _, errs[what] = d.write.Exec(statement, args...) }
		try("a key that is taken", `INSERT INTO revocations (subject, before_us) VALUES ($1, 2)`, planted)
		try("a row that breaks a rule", `INSERT INTO picky (name) VALUES ($1)`, planted)
		try("a missing column", `INSERT INTO revocations (subject, before_us) VALUES ($1, NULL)`, planted+"2")
		if d.dialect == postgresDialect {
			try("a word for a number", `INSERT INTO picky (n) SELECT CAST(lower($1) AS BIGINT)`, planted)
			try("a list for a number", `INSERT INTO picky (n) VALUES ($1)`, []string{planted})
			try("half a letter", `INSERT INTO picky (name) VALUES ($1)`, planted+"\xe6\xac")
			errs["a zero byte"] = d.Revocations().Revoke(t.Context(), identity.Revocation{User: planted + "\x00", Before: time.Now()})
		}
		for what, err := range errs {
			if err == nil {
				t.Errorf("%s: went through", what)
				continue
			}
			if text := everything(t, err); strings.Contains(strings.ToLower(text), strings.ToLower(planted)) {
				t.Errorf("%s: %s", what, text)
			}
		}
	})
}

// everything is the error's text and every field of its causes that a log might print.
func everything(t *testing.T, err error) string {
	t.Helper()
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	var e *pgconn.PgError
	if errors.As(err, &e) {
		fields, jsonErr := json.Marshal(e)
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		text += string(fields)
	}
	return text
}

func TestARefusalStillNamesTheSchemasPart(t *testing.T) {
	d := openURL(t, engines.PostgreSQL(t))
	exec(t, d, `INSERT INTO revocations (subject, before_us) VALUES ('a', 1)`)
	_, err := d.write.Exec(`INSERT INTO revocations (subject, before_us) VALUES ('a', 1)`)
	for _, want := range []string{"revocations_pkey", "23505"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s in it", err, want)
		}
	}
	if _, err := d.write.Exec(`DELETE FROM audit`); err == nil || !strings.Contains(err.Error(), "table audit is append-only") {
		t.Errorf("error %v, want the trigger's words", err)
	}
}

func TestAnErrorOfConnectingTellsWhyButNotWhere(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	real := engines.PostgreSQL(t)
	for name, c := range map[string]struct {
		ctx       context.Context
		url, want string
	}{
		"nobody listens":   {t.Context(), "postgres://somebody:secret@" + closed.Addr().String() + "/n", "connection refused"},
		"no such name":     {t.Context(), "postgres://somebody:secret@db.invalid/n?sslmode=verify-full", "resolved"},
		"no such database": {t.Context(), strings.Replace(real, "/fresh_", "/somebody_", 1), "create it with the URL's user as its owner (SQLSTATE 3D000)"},
		"no such user":     {t.Context(), strings.Replace(real, "postgres://parley@", "postgres://somebody:secret@", 1), "create the user"},
		"it took too long": {over, real, "canceled"},
	} {
		d, err := OpenPostgres(c.ctx, c.url, PostgresConfig{})
		if err == nil {
			d.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
			continue
		}
		for _, word := range []string{"somebody", "secret", "127.0.0.1", "db.invalid"} {
			if strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q is in %v", name, word, err)
			}
		}
	}
}
