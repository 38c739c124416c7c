package sql

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/internal/testenv/engines"
	"parley/storage/keys"
	"parley/storage/keys/keystest"
	"parley/storage/keys/root"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rootOf is a root key for tests; every number another one.
func rootOf(t testing.TB, number int) keys.Root {
	t.Helper()
	digits := fmt.Sprintf("%064x", number)
	r, err := root.Open("env:ROOT", root.Config{Getenv: func(string) string { return digits }})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func openTest(t testing.TB, url string, change ...func(*Config)) *Vault {
	t.Helper()
	cfg := Config{URL: url, Root: rootOf(t, 1)}
	for _, f := range change {
		f(&cfg)
	}
	v, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

func suite(t *testing.T, change ...func(*Config)) {
	keystest.Vault(t, func(t *testing.T) keystest.Opener {
		url := engines.PostgreSQL(t)
		var v *Vault
		return func() keys.Vault {
			if v != nil {
				v.Close()
			}
			v = openTest(t, url, change...)
			return v
		}
	})
}

func TestVaultKeepsTheContract(t *testing.T) { suite(t) }

// A cache of one key means that nearly every call asks the database.
func TestVaultKeepsTheContractWithHardlyAnyCache(t *testing.T) {
	suite(t, func(c *Config) { c.Cache, c.MaxConns = 1, 2 })
}

func TestVaultRotatesAndKeepsALedger(t *testing.T) {
	keystest.Vaults(t, func(t *testing.T) keystest.Keeping {
		url := engines.PostgreSQL(t)
		var v *Vault
		return keystest.Keeping{
			Root: func(number int) keys.Root { return rootOf(t, number) },
			Open: func(root keys.Root) (keystest.Keeper, error) {
				if v != nil {
					v.Close()
				}
				next, err := Open(t.Context(), Config{URL: url, Root: root})
				if err != nil {
					v = nil
					return nil, err
				}
				v = next
				t.Cleanup(func() { next.Close() })
				return next, nil
			},
		}
	})
}

func TestNodesThatStartTogetherAgree(t *testing.T) {
	url := engines.PostgreSQL(t)
	const nodes, names = 4, 250
	vaults := make([]*Vault, nodes)
	var wg sync.WaitGroup
	for i := range nodes {
		wg.Go(func() {
			v, err := Open(context.Background(), Config{URL: url, Root: rootOf(t, 1)})
			if err != nil {
				t.Error(err)
				return
			}
			vaults[i] = v
			t.Cleanup(func() { v.Close() })
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	first, _ := vaults[0].PublicKey(t.Context())
	got := make([][names]keys.Key, nodes)
	for i, v := range vaults {
		if public, err := v.PublicKey(t.Context()); err != nil || !public.Equal(first) {
			t.Errorf("node %d signs with another key (%v)", i, err)
		}
		wg.Go(func() {
			for n := range names {
				got[i][n] = mustCreate(t, v, name(n))
			}
		})
	}
	wg.Wait()
	for n := range names {
		for i := range nodes {
			if got[i][n] != got[0][n] {
				t.Fatalf("nodes 0 and %d have two keys for name %d", i, n)
			}
		}
	}
}

func TestTwoNodesCreateAThousandNamesAtOnceAndAgree(t *testing.T) {
	url := engines.PostgreSQL(t)
	one, two := openTest(t, url), openTest(t, url)
	const names, each = 1000, 8
	var made [2][names]keys.Key
	var wg sync.WaitGroup
	for i, v := range []*Vault{one, two} {
		for part := range each {
			wg.Go(func() {
				for n := part; n < names; n += each {
					made[i][n] = mustCreate(t, v, name(n))
				}
			})
		}
	}
	wg.Wait()
	seen := map[keys.Key]bool{}
	for n := range names {
		if made[0][n] != made[1][n] {
			t.Fatalf("the nodes have two keys for name %d", n)
		}
		seen[made[0][n]] = true
	}
	if len(seen) != names {
		t.Errorf("%d keys for %d names", len(seen), names)
	}
}

func mustCreate(t testing.TB, v keys.Vault, n keys.Name) keys.Key {
	t.Helper()
	key, err := v.Create(context.Background(), n)
	if err != nil {
		t.Errorf("create %s: %v", n, err)
	}
	return key
}

func mustDestroy(t testing.TB, v keys.Vault, n keys.Name) {
	t.Helper()
	if err := v.Destroy(context.Background(), n); err != nil {
		t.Errorf("destroy %s: %v", n, err)
	}
}

// eventually polls until f says yes.
func eventually(t testing.TB, within time.Duration, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		<-tick.C
	}
}

func name(n int) keys.Name { return keys.Name(fmt.Sprintf("chat/conversation-%d/user", n)) }
