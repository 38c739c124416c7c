package sql

import (
	"errors"
	"slices"
	"testing"
	"time"

	"parley/internal/chain"
	"parley/internal/testenv/engines"
	"parley/storage/keys"
)

var headText = []byte("parley test v1\nhead")

func TestADestroyedKeyIsSoonRefusedByOtherNodes(t *testing.T) {
	url := engines.PostgreSQL(t)
	slow := func(c *Config) { c.Revalidate = time.Hour } // so that only a notification can tell
	one, two := openTest(t, url), openTest(t, url, slow)
	mustCreate(t, one, "a")
	eventually(t, 10*time.Second, "the other node listens", func() bool {
		mustDestroy(t, one, "warm")
		var n int
		err := one.pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'").Scan(&n)
		return err == nil && n == 2
	})
	if _, err := two.Open(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	mustDestroy(t, one, "a")
	eventually(t, 5*time.Second, "the key is refused", func() bool {
		_, err := two.Open(t.Context(), "a")
		return errors.Is(err, keys.ErrDestroyed)
	})
}

func TestADestroyedKeyIsRefusedWithinTheBoundWithoutNotifications(t *testing.T) {
	const bound = time.Second
	url := engines.PostgreSQL(t)
	one, two := openTest(t, url), openTest(t, url, func(c *Config) { c.Revalidate = bound })
	two.stop() // hears nothing and asks nothing by itself
	two.work.Wait()
	mustCreate(t, one, "a")
	if _, err := two.Open(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	mustDestroy(t, one, "a")
	destroyed := time.Now()
	eventually(t, 5*bound, "the key is refused", func() bool {
		asked := time.Now()
		_, err := two.Open(t.Context(), "a")
		if err == nil && asked.Sub(destroyed) > bound {
			t.Fatalf("opened %v after its destruction", asked.Sub(destroyed))
		}
		return errors.Is(err, keys.ErrDestroyed)
	})
}

func TestKeysInMemoryNeedNoDatabase(t *testing.T) {
	v := openTest(t, engines.PostgreSQL(t), func(c *Config) { c.Revalidate = time.Hour })
	mustCreate(t, v, "a")
	before := v.pool.Stat().AcquireCount()
	for range 1000 {
		if _, err := v.Open(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	if asked := v.pool.Stat().AcquireCount() - before; asked > 1 { // a notification of its own may be under way
		t.Errorf("1000 reads asked the database %d times", asked)
	}
}

// Without an answer a node can't know what was destroyed: it opens nothing, and signs on.
func TestANodeThatIsCutOffOpensNothingAfterTheBoundAndSignsOn(t *testing.T) {
	const bound = time.Second
	p, url := newProxy(t, engines.PostgreSQL(t))
	v := openTest(t, url, func(c *Config) { c.Revalidate, c.Timeout = bound, bound })
	want := mustCreate(t, v, "a")
	p.cut()
	eventually(t, 5*bound, "the key is not opened any more", func() bool {
		_, err := v.Open(t.Context(), "a")
		return err != nil
	})
	if _, err := v.Sign(t.Context(), headText); err != nil {
		t.Errorf("sign: %v", err)
	}
	p.heal()
	eventually(t, 5*bound, "the key is opened again", func() bool {
		got, err := v.Open(t.Context(), "a")
		return err == nil && got == want
	})
}

func TestNodesSwitchTheSigningKeyWithinTheBound(t *testing.T) {
	const bound = 2 * time.Second
	url := engines.PostgreSQL(t)
	one, two := openTest(t, url), openTest(t, url, func(c *Config) { c.Revalidate = bound })
	before, _ := two.PublicKey(t.Context())
	old, err := two.Sign(t.Context(), headText)
	if err != nil {
		t.Fatal(err)
	}
	if err := one.RotateSigning(t.Context()); err != nil {
		t.Fatal(err)
	}
	now, _ := one.PublicKey(t.Context())
	if now.Equal(before) {
		t.Fatal("the node that rotated signs with the old key")
	}
	eventually(t, bound, "the other node signs with the new key", func() bool {
		sig, err := two.Sign(t.Context(), headText)
		return err == nil && chain.Verify(now, headText, sig) == nil
	})
	list, err := two.PublicKeys(t.Context())
	if err != nil || !slices.ContainsFunc(list, func(k keys.PublicKey) bool { return chain.Verify(k.Key, headText, old) == nil }) {
		t.Errorf("no public key verifies the old head (%v)", err)
	}
	var kept int
	err = one.pool.QueryRow(t.Context(), "SELECT count(*) FROM vault_signing WHERE until_us <> 0 AND sealed IS NOT NULL").Scan(&kept)
	if err != nil || kept != 0 {
		t.Errorf("%d private halves of former keys are kept (%v)", kept, err)
	}
}

// What is read before a destruction and would be put into memory after it is not.
func TestAKeyReadBeforeItsDestructionIsNotKept(t *testing.T) {
	v := openTest(t, engines.PostgreSQL(t), func(c *Config) { c.Revalidate = time.Hour })
	key := mustCreate(t, v, "a")
	hash, _ := v.names.Hash("a")
	epoch := v.cache.Epoch()
	mustDestroy(t, v, "a")
	v.cache.Put(hash, key, epoch)
	if _, err := v.Open(t.Context(), "a"); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("%v, want %v", err, keys.ErrDestroyed)
	}
}

// A database that was restored from its backup under running nodes has fewer destructions than they know of.
func TestNodesForgetEverythingWhenTheDatabaseGoesBack(t *testing.T) {
	v := openTest(t, engines.PostgreSQL(t))
	mustCreate(t, v, "a")
	mustDestroy(t, v, "b")
	if err := v.refresh(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := v.pool.Exec(t.Context(), "UPDATE vault_burials SET last = 0"); err != nil {
		t.Fatal(err)
	}
	if err := v.refresh(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if n := v.cache.Len(); n != 0 {
		t.Errorf("%d keys in memory", n)
	}
}

func TestATombstoneCanNotBeTakenBackInTheDatabase(t *testing.T) {
	v := openTest(t, engines.PostgreSQL(t))
	mustDestroy(t, v, "a")
	for _, statement := range []string{"DELETE FROM vault_keys", "UPDATE vault_keys SET burial = NULL"} {
		if _, err := v.pool.Exec(t.Context(), statement); err == nil {
			t.Errorf("%s was followed", statement)
		}
	}
}

func TestAClosedVaultAnswersNothing(t *testing.T) {
	v := openTest(t, engines.PostgreSQL(t))
	mustCreate(t, v, "a")
	v.Close()
	_, openErr := v.Open(t.Context(), "a")
	_, signErr := v.Sign(t.Context(), headText)
	for what, err := range map[string]error{
		"open": openErr, "sign": signErr, "destroy": v.Destroy(t.Context(), "a"),
		"rotate root": v.RotateRoot(t.Context()), "rotate signing": v.RotateSigning(t.Context()), "close": func() error { v.Close(); return ErrClosed }(),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v, want %v", what, err, ErrClosed)
		}
	}
}
