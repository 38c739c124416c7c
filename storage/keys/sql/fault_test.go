package sql

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/internal/testenv/engines"
	"parley/storage/keys"
)

// faulty runs a test for each way in which a statement fails: before it took effect or after, with and without a restart
// of the node.
func faulty(t *testing.T, test func(t *testing.T, f *fault)) {
	for name, f := range map[string]fault{
		"fails":                               {},
		"fails but persisted":                 {persisted: true},
		"fails, then a restart":               {restart: true},
		"fails but persisted, then a restart": {persisted: true, restart: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := engines.PostgreSQL(t)
			f.proxy, f.url = newProxy(t, direct)
			f.vault = openTest(t, f.url)
			f.other = openTest(t, direct)
			test(t, &f)
		})
	}
}

type fault struct {
	persisted, restart bool
	proxy              *proxy
	url                string
	vault, other       *Vault
}

// while runs f, whose statement breaks, and heals the connection.
func (f *fault) while(t *testing.T, statement string, call func() error) {
	t.Helper()
	f.proxy.breakAt(statement, f.persisted)
	if err := call(); err == nil {
		t.Fatal("the call succeeded although its statement broke")
	}
	f.proxy.heal()
	if f.restart {
		f.vault.Close()
		f.vault = openTest(t, f.url)
	}
}

func TestACreateThatFailedMayBeRepeated(t *testing.T) {
	faulty(t, func(t *testing.T, f *fault) {
		mustCreate(t, f.vault, "warm")
		f.while(t, "INSERT INTO vault_keys", func() error {
			key, err := f.vault.Create(t.Context(), "a")
			if key != (keys.Key{}) {
				t.Error("a key was handed out with an error")
			}
			return err
		})
		early, err := f.other.Open(t.Context(), "a")
		if (err == nil) != f.persisted {
			t.Fatalf("the other node: %v; persisted is %v", err, f.persisted)
		}
		key := mustCreate(t, f.vault, "a")
		if f.persisted && key != early {
			t.Error("repeating the call made another key")
		}
		if again, err := f.other.Open(t.Context(), "a"); err != nil || again != key {
			t.Errorf("the other node: another key or %v", err)
		}
	})
}

func TestADestroyThatFailedMayBeRepeated(t *testing.T) {
	faulty(t, func(t *testing.T, f *fault) {
		want := mustCreate(t, f.vault, "a")
		mustDestroy(t, f.vault, "warm")
		f.while(t, "UPDATE vault_burials", func() error { return f.vault.Destroy(t.Context(), "a") })
		key, err := f.vault.Open(t.Context(), "a")
		if f.persisted && !errors.Is(err, keys.ErrDestroyed) || !f.persisted && (err != nil || key != want) {
			t.Fatalf("after the failure: %v; persisted is %v", err, f.persisted)
		}
		mustDestroy(t, f.vault, "a")
		for _, v := range []*Vault{f.vault, openTest(t, f.url)} {
			if _, err := v.Open(t.Context(), "a"); !errors.Is(err, keys.ErrDestroyed) {
				t.Errorf("%v, want %v", err, keys.ErrDestroyed)
			}
		}
	})
}

func TestARotationOfTheSignerThatFailedMayBeRepeated(t *testing.T) {
	faulty(t, func(t *testing.T, f *fault) {
		if err := f.vault.RotateSigning(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.while(t, "commit", func() error { return f.vault.RotateSigning(t.Context()) })
		want := 3
		if f.persisted {
			want = 4 // one of them signed nothing
		}
		if err := f.vault.RotateSigning(t.Context()); err != nil {
			t.Fatal(err)
		}
		list, err := f.vault.PublicKeys(t.Context())
		if err != nil || len(list) < want || !list[len(list)-1].Until.IsZero() {
			t.Fatalf("%d signing keys (%v), want %d", len(list), err, want)
		}
		if public, err := f.vault.PublicKey(t.Context()); err != nil || !public.Equal(list[len(list)-1].Key) {
			t.Errorf("the node does not sign with the last key (%v)", err)
		}
	})
}

// A database that is killed while two nodes create and destroy takes back nothing that it acknowledged.
func TestAKilledDatabaseKeepsWhatItAcknowledged(t *testing.T) {
	engine := engines.OwnPostgreSQL(t)
	url, err := engine.Fresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	short := func(c *Config) { c.Timeout = 2 * time.Second }
	vaults := []*Vault{openTest(t, url, short), openTest(t, url, short)}
	type made struct {
		name      keys.Name
		key       keys.Key
		destroyed bool
	}
	var mu sync.Mutex
	var acknowledged []made
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for worker := range 4 {
		wg.Go(func() {
			v := vaults[worker%2]
			for n := worker; ctx.Err() == nil; n += 4 {
				key, err := v.Create(ctx, name(n))
				if err != nil {
					return
				}
				m := made{name(n), key, n%3 == 0 && v.Destroy(ctx, name(n)) == nil}
				mu.Lock()
				if m.destroyed || n%3 != 0 {
					acknowledged = append(acknowledged, m)
				}
				mu.Unlock()
			}
		})
	}
	eventually(t, 20*time.Second, "200 acknowledged calls", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(acknowledged) > 200
	})
	if err := engine.Kill(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	cancel()
	if err := engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, v := range append(vaults, openTest(t, url)) {
		for _, m := range acknowledged {
			key, err := v.Open(t.Context(), m.name)
			if m.destroyed && !errors.Is(err, keys.ErrDestroyed) || !m.destroyed && (err != nil || key != m.key) {
				t.Fatalf("%s (destroyed: %v): %v, or another key", m.name, m.destroyed, err)
			}
		}
	}
}

var errCrash = errors.New("crash")

// A rotation that is cut short at any step leaves a vault that both nodes use, and is finished by either.
func TestARotationThatWasCutShortIsFinished(t *testing.T) {
	for at := range 8 {
		for _, how := range []string{"by the same node", "by another node", "after a restart"} {
			t.Run(fmt.Sprintf("at step %d %s", at, how), func(t *testing.T) {
				t.Parallel()
				url := engines.PostgreSQL(t)
				v, other := openTest(t, url), openTest(t, url)
				v.batch = 5
				want := map[keys.Name]keys.Key{}
				for n := range 12 {
					want[name(n)] = mustCreate(t, v, name(n))
				}
				mustDestroy(t, v, "gone")
				steps := 0
				v.step = func(string) error {
					if steps++; steps > at {
						return errCrash
					}
					return nil
				}
				err := v.RotateRoot(t.Context())
				if err != nil && !errors.Is(err, errCrash) || err == nil && at < 6 {
					t.Fatalf("step %d: %v", at, err)
				}
				want["more"] = mustCreate(t, other, "more")
				wantKeys(t, other, want)
				v.step = func(string) error { return nil }
				switch how {
				case "by another node":
					v.Close()
					v = other
				case "after a restart":
					v.Close()
					v = openTest(t, url)
				}
				if err := v.RotateRoot(t.Context()); err != nil {
					t.Fatal(err)
				}
				if list, err := v.Generations(t.Context()); err != nil || len(list) != 1 || list[0].Keys != len(want)+1 {
					t.Errorf("generations %v, %v; want one with %d keys", list, err, len(want)+1)
				}
				wantKeys(t, openTest(t, url), want)
				wantKeys(t, other, want)
			})
		}
	}
}

func wantKeys(t *testing.T, v *Vault, want map[keys.Name]keys.Key) {
	t.Helper()
	v.cache.Clear()
	for n, key := range want {
		if got, err := v.Open(t.Context(), n); err != nil || got != key {
			t.Errorf("%s: another key or %v", n, err)
		}
	}
	if _, err := v.Open(t.Context(), "gone"); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("%v, want %v", err, keys.ErrDestroyed)
	}
}

// Nodes that have not heard of a new generation add rows of the old one; the old one is dropped all the same, and with no
// row left behind.
func TestNodesCreateWhileAnotherRotates(t *testing.T) {
	url := engines.PostgreSQL(t)
	short := func(c *Config) { c.Revalidate = time.Second }
	v, deaf := openTest(t, url, short), openTest(t, url, short)
	deaf.stop() // it hears of nothing by itself
	deaf.work.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var mu sync.Mutex
	want := map[keys.Name]keys.Key{}
	for worker := range 2 {
		wg.Go(func() {
			for n := worker; ctx.Err() == nil; n += 2 {
				key, err := deaf.Create(context.Background(), name(n))
				if err != nil {
					t.Errorf("create: %v", err)
					return
				}
				mu.Lock()
				want[name(n)] = key
				mu.Unlock()
			}
		})
	}
	for range 2 {
		if err := v.RotateRoot(t.Context()); err != nil {
			t.Error(err)
		}
	}
	cancel()
	wg.Wait()
	mustDestroy(t, v, "gone")
	wantKeys(t, v, want)
	wantKeys(t, deaf, want)
	list, err := v.Generations(t.Context())
	if err != nil || !slices.ContainsFunc(list, func(g keys.Generation) bool { return g.Number == 3 }) {
		t.Errorf("generations %v, %v", list, err)
	}
}

func TestOneRotationAtATime(t *testing.T) {
	url := engines.PostgreSQL(t)
	v, other := openTest(t, url), openTest(t, url)
	var second error
	v.step = func(name string) error {
		if name == "generation made" {
			second = other.RotateRoot(t.Context())
		}
		return nil
	}
	if err := v.RotateRoot(t.Context()); err != nil || !errors.Is(second, ErrRotating) {
		t.Errorf("first %v, second %v; want none and %v", err, second, ErrRotating)
	}
}

func TestADamagedRowKeepsItsGenerationAndHarmsNoOther(t *testing.T) {
	url := engines.PostgreSQL(t)
	v := openTest(t, url)
	want := mustCreate(t, v, "a")
	mustCreate(t, v, "b")
	hash, _ := v.names.Hash("b")
	var whole []byte
	if err := v.pool.QueryRow(t.Context(), "SELECT sealed FROM vault_keys WHERE name = $1", hash[:]).Scan(&whole); err != nil {
		t.Fatal(err)
	}
	set := func(b []byte) {
		if _, err := v.pool.Exec(t.Context(), "UPDATE vault_keys SET sealed = $1 WHERE name = $2", b, hash[:]); err != nil {
			t.Fatal(err)
		}
		v.cache.Clear()
	}
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1
		set(damaged)
		if _, err := v.Open(t.Context(), "b"); err == nil {
			t.Fatalf("byte %d flipped: the key opens", i)
		}
	}
	if err := v.RotateRoot(t.Context()); err == nil {
		t.Error("the rotation dropped a generation that a row needs")
	}
	if got, err := v.Open(t.Context(), "a"); err != nil || got != want {
		t.Errorf("another key or %v", err)
	}
	set(whole)
	if err := v.RotateRoot(t.Context()); err != nil {
		t.Error(err)
	}
}
