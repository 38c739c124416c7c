package sql

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"parley/internal/testenv/engines"
	"parley/storage/keys"
	"parley/storage/keys/wrap"
)

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// program finds one of PostgreSQL's programs.
func program(t testing.TB, name string) string {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join("/usr/lib/postgresql/*/bin", name))
	if len(found) > 0 {
		return found[len(found)-1]
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed; .ci/setup installs it", name)
	}
	return path
}

func dump(t testing.TB, url string) []byte {
	t.Helper()
	c := exec.CommandContext(t.Context(), program(t, "pg_dump"), "--inserts", "--dbname", url)
	var problem bytes.Buffer
	c.Stderr = &problem
	out, err := c.Output()
	if err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, problem.Bytes())
	}
	return out
}

// shows says whether a text holds a secret raw, in hexadecimal or in base64 at any offset.
func shows(text []byte, secret []byte) bool {
	if bytes.Contains(text, secret) || bytes.Contains(bytes.ToLower(text), []byte(hex.EncodeToString(secret))) {
		return true
	}
	for skip := range 3 {
		whole := secret[skip : skip+(len(secret)-skip)/3*3]
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			if bytes.Contains(text, []byte(e.EncodeToString(whole))) {
				return true
			}
		}
	}
	return false
}

func TestADumpShowsNoKeyAndNoName(t *testing.T) {
	url := engines.PostgreSQL(t)
	v := openTest(t, url)
	secrets := [][]byte{v.signing.Load().key.Seed()}
	for n := range 20 {
		key := mustCreate(t, v, name(n))
		secrets = append(secrets, key[:], []byte(name(n)))
	}
	if err := v.RotateRoot(t.Context()); err != nil {
		t.Fatal(err)
	}
	names, generation := namesKey(t, v), v.ring.Load().Secret(2)
	secrets = append(secrets, names[:], generation[:])
	out := dump(t, url)
	if !bytes.Contains(out, []byte("vault_keys")) {
		t.Fatal("the dump lacks the table of keys")
	}
	for i, secret := range secrets {
		if shows(out, secret) {
			t.Errorf("the dump shows secret %d", i)
		}
	}
	// The search finds what is there: a key planted as bytes, and one as base64 at an odd offset.
	planted, other := wrap.NewSecret(), wrap.NewSecret()
	execute(t, url, "COMMENT ON TABLE vault_names IS '"+base64.StdEncoding.EncodeToString(append([]byte{7}, other[:]...))+"'")
	if _, err := v.pool.Exec(t.Context(), "UPDATE vault_names SET sealed = $1", planted[:]); err != nil {
		t.Fatal(err)
	}
	out = dump(t, url)
	if !shows(out, planted[:]) || !shows(out, other[:]) {
		t.Error("the search does not find a planted key")
	}
}

func namesKey(t testing.TB, v *Vault) keys.Key {
	t.Helper()
	var sealed []byte
	if err := v.pool.QueryRow(t.Context(), "SELECT sealed FROM vault_names").Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	_, key, err := v.ring.Load().Open(sealed, wrap.NameHash{}, wrap.NamesKey)
	if err != nil {
		t.Fatal(err)
	}
	return keys.Key(key)
}

// A backup from before a destruction brings the key back; the ledger buries it again.
func TestAKeyDestroyedBeforeARestoreStaysDestroyed(t *testing.T) {
	url := engines.PostgreSQL(t)
	v := openTest(t, url)
	kept := mustCreate(t, v, "kept")
	mustCreate(t, v, "gone")
	backup := dump(t, url)
	mustDestroy(t, v, "gone")
	mustDestroy(t, v, "never used")
	var ledger bytes.Buffer
	if n, err := v.ExportTombstones(t.Context(), &ledger, time.Time{}); err != nil || n != 2 {
		t.Fatalf("exported %d, %v", n, err)
	}
	v.Close()

	restored := engines.PostgreSQL(t)
	c := exec.CommandContext(t.Context(), program(t, "psql"), "--quiet", "-v", "ON_ERROR_STOP=1", "--dbname", restored)
	c.Stdin = bytes.NewReader(backup)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("restore: %v\n%s", err, out)
	}
	v = openTest(t, restored)
	if _, err := v.Open(t.Context(), "gone"); err != nil {
		t.Fatalf("the backup does not bring the key back: %v", err)
	}
	if n, err := v.ReplayTombstones(t.Context(), &ledger); err != nil || n != 2 {
		t.Fatalf("followed %d lines, %v", n, err)
	}
	for _, n := range []keys.Name{"gone", "never used"} {
		if _, err := v.Create(t.Context(), n); !errors.Is(err, keys.ErrDestroyed) {
			t.Errorf("%s: %v, want %v", n, err, keys.ErrDestroyed)
		}
	}
	if got, err := v.Open(t.Context(), "kept"); err != nil || got != kept {
		t.Errorf("another key or %v", err)
	}
}

// After a destruction and the sweep that follows it no version of the row holds the wrapped key.
func TestASweepLeavesNoVersionOfTheRowWithTheWrappedKey(t *testing.T) {
	url := engines.PostgreSQL(t)
	v := openTest(t, url)
	execute(t, url, "ALTER TABLE vault_keys SET (autovacuum_enabled = off)")
	execute(t, url, "CREATE EXTENSION pageinspect")
	for n := range 10 { // a page with room is not tidied by reading it
		mustCreate(t, v, name(n))
	}
	hash, _ := v.names.Hash(name(7))
	sealed, err := v.read(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	versions := func() int {
		return count(t, url, fmt.Sprintf(`SELECT count(*) FROM generate_series(0, pg_relation_size('vault_keys') / 8192 - 1) AS p,
			heap_page_items(get_raw_page('vault_keys', p::INT)) AS i WHERE position('\x%x'::BYTEA IN i.t_data) > 0`, sealed))
	}
	if n := versions(); n != 1 {
		t.Fatalf("the wrapped key stands in %d versions, want 1", n)
	}
	mustDestroy(t, v, name(7))
	eventually(t, 10*time.Second, "the old version is gone", func() bool { return versions() == 0 })
}

func TestLogsShowNoSecret(t *testing.T) {
	var log strings.Builder
	p, url := newProxy(t, engines.PostgreSQL(t))
	v := openTest(t, url, func(c *Config) {
		c.Log = slog.New(slog.NewJSONHandler(&log, nil))
		c.Revalidate, c.Timeout = 200*time.Millisecond, 200*time.Millisecond
	})
	key := mustCreate(t, v, "chat/conversation/user-wang")
	p.cut()
	eventually(t, 10*time.Second, "a failure is counted", func() bool {
		_, err := v.Open(context.Background(), "chat/conversation/user-wang")
		return err != nil
	})
	p.heal()
	eventually(t, 10*time.Second, "it comes back", func() bool {
		_, err := v.Open(context.Background(), "chat/conversation/user-wang")
		return err == nil
	})
	v.Close()
	if log.Len() == 0 {
		t.Fatal("nothing was logged")
	}
	if shows([]byte(log.String()), key[:]) || strings.Contains(log.String(), "wang") || strings.Contains(log.String(), "127.0.0.1") {
		t.Errorf("the log shows a key, a name or an address: %s", log.String())
	}
}
