package sql

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/internal/testenv/engines"
)

func TestOnlyVerifiedTLSLeavesTheMachine(t *testing.T) {
	authority := filepath.Join("testdata", "authority.pem")
	for url, ok := range map[string]bool{
		"postgres://u:p@localhost/v":                                           true,
		"postgres://u:p@127.0.0.1:5433/v?sslmode=disable":                      true,
		"postgres://u:p@[::1]/v?sslmode=disable":                               true,
		"postgresql:///v?host=/run/postgresql":                                 true,
		"postgres://u:p@db.example/v?sslmode=verify-full":                      true,
		"postgres://u:p@db.example/v?sslmode=verify-ca":                        true,
		"postgres://u:p@a.example,b.example/v?sslmode=verify-full":             true,
		"postgres://u:p@db.example/v":                                          false, // prefer
		"postgres://u:p@db.example/v?sslmode=disable":                          false,
		"postgres://u:p@db.example/v?sslmode=allow":                            false,
		"postgres://u:p@db.example/v?sslmode=require":                          false, // not verified
		"postgres://u:p@db.example/v?sslmode=require&sslrootcert=" + authority: true,
		"postgres://u:p@localhost,db.example/v?sslmode=disable":                false,
		"postgres://u:p@10.0.0.1/v?sslmode=disable":                            false,
		"mysql://u:p@localhost/v":                                              false,
		"postgres://u:p@localhost/v?sslmode=perhaps":                           false,
		"host=localhost dbname=v":                                              false,
		"":                                                                     false,
	} {
		err := CheckURL(url)
		if (err == nil) != ok {
			t.Errorf("%s: %v, want %v", url, err, ok)
		}
		if err != nil && (strings.Contains(err.Error(), "u:p") || strings.Contains(err.Error(), "example")) {
			t.Errorf("the error quotes the URL: %v", err)
		}
	}
}

func TestADatabaseOfOthersIsRefused(t *testing.T) {
	for name, statement := range map[string]string{
		"before the vault is made":      "CREATE TABLE conversations (id TEXT)",
		"in another schema":             "CREATE SCHEMA chat; CREATE TABLE chat.vault_keys (id TEXT)",
		"the main schema's version row": "CREATE TABLE goose_db_version (id INT)",
	} {
		for _, made := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				url := engines.PostgreSQL(t)
				if made {
					openTest(t, url).Close()
				}
				execute(t, url, statement)
				if _, err := Open(t.Context(), Config{URL: url, Root: rootOf(t, 1)}); !errors.Is(err, ErrNotAlone) {
					t.Fatalf("%v, want %v", err, ErrNotAlone)
				}
				if n := count(t, url, "SELECT count(*) FROM pg_class WHERE relname = 'vault_roots'"); (n == 1) != made {
					t.Error("the refused Open changed the database")
				}
			})
		}
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	url := engines.PostgreSQL(t)
	openTest(t, url).Close()
	execute(t, url, "INSERT INTO vault_schema (version_id, is_applied) VALUES (99, true)")
	if _, err := Open(t.Context(), Config{URL: url, Root: rootOf(t, 1)}); !errors.Is(err, ErrNewerSchema) {
		t.Fatalf("%v, want %v", err, ErrNewerSchema)
	}
}

func TestAServerThatDoesNotSyncIsRefused(t *testing.T) {
	engine := engines.OwnPostgreSQL(t)
	url, err := engine.Fresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	execute(t, url, "ALTER SYSTEM SET synchronous_commit = off")
	execute(t, url, "SELECT pg_reload_conf()")
	eventually(t, 10*time.Second, "the setting holds", func() bool {
		return count(t, url, "SELECT count(*) FROM pg_settings WHERE name = 'synchronous_commit' AND setting = 'off'") == 1
	})
	v := openTest(t, url)
	var commit string
	if err := v.pool.QueryRow(t.Context(), "SHOW synchronous_commit").Scan(&commit); err != nil || commit != "on" {
		t.Errorf("synchronous_commit %s (%v), want on", commit, err)
	}
	execute(t, url, "ALTER SYSTEM SET fsync = off")
	execute(t, url, "SELECT pg_reload_conf()")
	eventually(t, 10*time.Second, "the server is refused", func() bool {
		other, err := Open(t.Context(), Config{URL: url, Root: rootOf(t, 1)})
		if err == nil {
			other.Close()
		}
		return err != nil && strings.Contains(err.Error(), "fsync")
	})
}

func TestNoSecretInErrors(t *testing.T) {
	const password = "tr0ub4dor-password"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	engine := strings.TrimPrefix(engines.PostgreSQL(t), "postgres://parley@")
	address, _, _ := strings.Cut(engine, "/")
	for name, url := range map[string]string{
		"nobody listens":   "postgres://someone:" + password + "@" + closed + "/v?sslmode=disable",
		"no such database": "postgres://parley:" + password + "@" + address + "/nowhere?sslmode=disable",
		"no such user":     "postgres://someone:" + password + "@" + engine,
		"no such host":     "postgres://someone:" + password + "@nowhere.invalid/v?sslmode=verify-full",
		"no TLS":           "postgres://parley:" + password + "@" + address + "/v?sslmode=verify-full",
		"malformed":        "postgres://someone:" + password + "@localhost:port/v",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err := Open(ctx, Config{URL: url, Root: rootOf(t, 1)})
			if err == nil {
				t.Fatal("opened")
			}
			for _, secret := range []string{password, "someone", closed, address, "127.0.0.1", "nowhere"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows %q: %v", secret, err)
				}
			}
			t.Log(err)
		})
	}
}

func execute(t testing.TB, url, statement string) {
	t.Helper()
	c := connect(t, url)
	defer c.Close(context.Background())
	if _, err := c.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func count(t testing.TB, url, query string) (n int) {
	t.Helper()
	c := connect(t, url)
	defer c.Close(context.Background())
	if err := c.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
