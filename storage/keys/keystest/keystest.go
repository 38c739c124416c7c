package keystest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"parley/internal/chain"
	"parley/storage/keys"
)

// Opener makes the vaults of one test: each call returns a vault over the same, at first empty store, after the one
// before was closed, as after a restart.
type Opener func() keys.Vault

// Vault runs the suite. fresh is called once a test.
func Vault(t *testing.T, fresh func(t *testing.T) Opener) {
	for name, f := range map[string]func(*testing.T, Opener){
		"CreateGivesOneKeyPerName":        createGivesOneKeyPerName,
		"ConcurrentCreateGivesOneKey":     concurrentCreateGivesOneKey,
		"KeysSurviveARestart":             keysSurviveARestart,
		"OpenTellsNeverFromDestroyed":     openTellsNeverFromDestroyed,
		"DestroyedStaysDestroyed":         destroyedStaysDestroyed,
		"DestroyIsRepeatable":             destroyIsRepeatable,
		"DestroyTouchesNoOtherKey":        destroyTouchesNoOtherKey,
		"DestroyWinsOverConcurrentCreate": destroyWinsOverConcurrentCreate,
		"AnEmptyNameIsRefused":            anEmptyNameIsRefused,
		"AnEndedContextIsRespected":       anEndedContextIsRespected,
		"SignaturesVerify":                signaturesVerify,
		"SigningKeySurvivesARestart":      signingKeySurvivesARestart,
		"OnlyDomainsAreSigned":            onlyDomainsAreSigned,
		"KeysNeverPrint":                  keysNeverPrint,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the tests mostly wait for disks
			f(t, fresh(t))
		})
	}
}

func createGivesOneKeyPerName(t *testing.T, open Opener) {
	v := open()
	a, b := create(t, v, "chat/c1/u1"), create(t, v, "chat/c1/u2")
	if a == b {
		t.Error("two names have one key")
	}
	if a == (keys.Key{}) {
		t.Error("the key is all zero")
	}
	if again := create(t, v, "chat/c1/u1"); again != a {
		t.Error("creating again gave another key")
	}
	if opened, err := v.Open(t.Context(), "chat/c1/u1"); err != nil || opened != a {
		t.Errorf("opening gave another key or %v", err)
	}
}

func concurrentCreateGivesOneKey(t *testing.T, open Opener) {
	v := open()
	const callers = 16
	got := make([]keys.Key, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { got[i] = create(t, v, "field/x") })
	}
	wg.Wait()
	for i := range got {
		if got[i] != got[0] {
			t.Fatalf("caller %d got another key than caller 0", i)
		}
	}
}

func keysSurviveARestart(t *testing.T, open Opener) {
	want := create(t, open(), "recording/r/p1")
	v := open()
	if got, err := v.Open(t.Context(), "recording/r/p1"); err != nil || got != want {
		t.Errorf("after a restart: another key or %v", err)
	}
	if got := create(t, v, "recording/r/p1"); got != want {
		t.Error("after a restart Create gave another key")
	}
}

func openTellsNeverFromDestroyed(t *testing.T, open Opener) {
	v := open()
	create(t, v, "a")
	destroy(t, v, "a")
	wantOpen(t, v, "a", keys.ErrDestroyed)
	wantOpen(t, v, "b", keys.ErrNotFound)
}

func destroyedStaysDestroyed(t *testing.T, open Opener) {
	v := open()
	create(t, v, "a")
	destroy(t, v, "a")
	wantDestroyed(t, v, "a")
	destroy(t, v, "never used")
	v = open()
	wantDestroyed(t, v, "a")
	wantDestroyed(t, v, "never used")
}

func destroyIsRepeatable(t *testing.T, open Opener) {
	v := open()
	create(t, v, "a")
	destroy(t, v, "a")
	destroy(t, v, "a")
	v = open()
	destroy(t, v, "a")
	wantDestroyed(t, v, "a")
}

func destroyTouchesNoOtherKey(t *testing.T, open Opener) {
	v := open()
	want := map[keys.Name]keys.Key{}
	for i := range 50 {
		n := keys.Name(fmt.Sprint("chat/c/u", i))
		want[n] = create(t, v, n)
	}
	destroy(t, v, "chat/c/u7")
	delete(want, "chat/c/u7")
	v = open()
	for n, key := range want {
		if got, err := v.Open(t.Context(), n); err != nil || got != key {
			t.Errorf("%s: another key or %v", n, err)
		}
	}
}

func destroyWinsOverConcurrentCreate(t *testing.T, open Opener) {
	v := open()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := v.Create(t.Context(), "a"); err != nil && !errors.Is(err, keys.ErrDestroyed) {
				t.Errorf("create: %v", err)
			}
		})
	}
	wg.Go(func() { destroy(t, v, "a") })
	wg.Wait()
	wantDestroyed(t, v, "a")
}

func anEmptyNameIsRefused(t *testing.T, open Opener) {
	if _, err := open().Create(t.Context(), ""); err == nil {
		t.Error("a key without a name was made")
	}
}

func anEndedContextIsRespected(t *testing.T, open Opener) {
	v := open()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Create(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("create: %v, want %v", err, context.Canceled)
	}
	wantOpen(t, v, "a", keys.ErrNotFound)
}

const message = "parley test v1\nhead 17"

func signaturesVerify(t *testing.T, open Opener) {
	v := open()
	sig, err := v.Sign(t.Context(), []byte(message))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := v.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := chain.Verify(pub, []byte(message), sig); err != nil {
		t.Error(err)
	}
	if err := chain.Verify(pub, []byte(message+"8"), sig); !errors.Is(err, chain.ErrBadSignature) {
		t.Errorf("another message: %v, want %v", err, chain.ErrBadSignature)
	}
}

func signingKeySurvivesARestart(t *testing.T, open Opener) {
	v := open()
	sig, err := v.Sign(t.Context(), []byte(message))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := open().PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := chain.Verify(pub, []byte(message), sig); err != nil {
		t.Error(err)
	}
}

func onlyDomainsAreSigned(t *testing.T, open Opener) {
	if _, err := open().Sign(t.Context(), []byte("transfer everything\n")); !errors.Is(err, chain.ErrDomain) {
		t.Errorf("error %v, want %v", err, chain.ErrDomain)
	}
}

func keysNeverPrint(t *testing.T, open Opener) {
	key := create(t, open(), "a")
	digits := fmt.Sprintf("%x", key[:])
	decimal := strings.Trim(fmt.Sprint(key[:]), "[]")
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "key", key, "in", struct{ K keys.Key }{key})
	texts := []string{fmt.Sprintf("%v %+v %#v %s %q %x %X %d", key, key, key, key, key, key, key, key),
		fmt.Sprintf("%v %+v %#v", &key, struct{ K keys.Key }{key}, []keys.Key{key}), log.String()}
	if b, err := json.Marshal(key); err == nil {
		t.Errorf("a key was encoded as JSON: %d bytes", len(b))
	}
	for i, text := range texts {
		lower := strings.ToLower(text)
		if strings.Contains(lower, digits) || strings.Contains(lower, decimal) || strings.Contains(lower, decimal[:8]) {
			t.Errorf("text %d shows the key", i)
		}
	}
}

func create(t *testing.T, v keys.Vault, n keys.Name) keys.Key {
	t.Helper()
	key, err := v.Create(t.Context(), n)
	if err != nil {
		t.Errorf("create %q: %v", n, err)
	}
	return key
}

func destroy(t *testing.T, v keys.Vault, n keys.Name) {
	t.Helper()
	if err := v.Destroy(t.Context(), n); err != nil {
		t.Errorf("destroy %q: %v", n, err)
	}
}

func wantOpen(t *testing.T, v keys.Vault, n keys.Name, want error) {
	t.Helper()
	if _, err := v.Open(t.Context(), n); !errors.Is(err, want) {
		t.Errorf("open %q: %v, want %v", n, err, want)
	}
}

func wantDestroyed(t *testing.T, v keys.Vault, n keys.Name) {
	t.Helper()
	wantOpen(t, v, n, keys.ErrDestroyed)
	if _, err := v.Create(t.Context(), n); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("create %q: %v, want %v", n, err, keys.ErrDestroyed)
	}
}
