package db

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"parley/internal/testenv/engines"
)

func TestAURLThatPutsValuesIntoStatementsIsRefused(t *testing.T) {
	const url = "postgres://parley@localhost/parley?default_query_exec_mode="
	if err := CheckURL(url + "simple_protocol"); !errors.Is(err, errText) {
		t.Errorf("simple_protocol: %v", err)
	}
	if _, err := OpenPostgres(t.Context(), url+"simple_protocol", PostgresConfig{}); !errors.Is(err, errText) {
		t.Errorf("opened with simple_protocol: %v", err)
	}
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec"} {
		if err := CheckURL(url + mode); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

// What PostgreSQL logs of a statement that fails is its text, in which the values don't stand.
func TestPostgresLogsNoValueOfAStatementThatFails(t *testing.T) {
	server := engines.OwnPostgreSQL(t)
	url, err := server.Fresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, err := OpenPostgres(t.Context(), url, PostgresConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	fails := func(how, user string) string {
		return `SELECT '` + how + `', 1 / (length($1) - ` + fmt.Sprint(len(user)) + `)`
	}
	const named, hidden = "somebody-whom-the-log-names", "somebody-whom-it-does-not"
	if _, err := d.write.ExecContext(t.Context(), fails("as-the-server-asks", hidden), hidden); err == nil {
		t.Fatal("a division by zero succeeded")
	}
	simple, err := pgx.Connect(t.Context(), url+"&default_query_exec_mode=simple_protocol")
	if err != nil {
		t.Fatal(err)
	}
	defer simple.Close(t.Context())
	if _, err := simple.Exec(t.Context(), fails("with-the-values-inside", named), named); err == nil {
		t.Fatal("a division by zero succeeded")
	}
	b, err := os.ReadFile(filepath.Join(server.Dir, "engine.log"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"as-the-server-asks": true, "with-the-values-inside": true, named: true, hidden: false} {
		if got := strings.Contains(string(b), text); got != want {
			t.Errorf("the log holds %q: %v, want %v", text, got, want)
		}
	}
}
