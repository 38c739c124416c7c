package keystest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/internal/chain"
	"parley/storage/keys"
)

// Keeper is a vault whose keys above the data keys change, and whose erasure outlives it.
type Keeper interface {
	keys.Vault
	keys.Rotator
	keys.Eraser
}

// Keeping makes the vaults of one test.
type Keeping struct {
	// Open returns a vault over the same, at first empty store, with one of the root keys, after the one before was
	// closed.
	Open func(root keys.Root) (Keeper, error)
	// Root returns a root key, for every number another one.
	Root func(number int) keys.Root
}

// Vaults runs the suite for vaults that rotate and keep a ledger. fresh is called once a test.
func Vaults(t *testing.T, fresh func(t *testing.T) Keeping) {
	for name, f := range map[string]func(*testing.T, Keeping){
		"ARotatedRootKeepsEverything":         aRotatedRootKeepsEverything,
		"ARootKeyIsChangedInThreeSteps":       aRootKeyIsChangedInThreeSteps,
		"AnAdmissionIsTakenBack":              anAdmissionIsTakenBack,
		"AForeignRootKeyIsRefused":            aForeignRootKeyIsRefused,
		"HeadsVerifyAfterTheSignerIsRotated":  headsVerifyAfterTheSignerIsRotated,
		"TheLedgerHoldsTombstonesOnly":        theLedgerHoldsTombstonesOnly,
		"TheLedgerIsFollowedAgain":            theLedgerIsFollowedAgain,
		"AChangedLedgerIsNotFollowed":         aChangedLedgerIsNotFollowed,
		"ALedgerIsExportedFromAMomentOn":      aLedgerIsExportedFromAMomentOn,
		"ALedgerFitsAfterTheRootKeyIsRotated": aLedgerFitsAfterTheRootKeyIsRotated,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, fresh(t))
		})
	}
}

func (k Keeping) open(t *testing.T, root int) Keeper {
	t.Helper()
	v, err := k.Open(k.Root(root))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// filled makes some keys, of which two are destroyed.
func filled(t *testing.T, v keys.Vault) map[keys.Name]keys.Key {
	t.Helper()
	want := map[keys.Name]keys.Key{}
	for i := range 12 {
		n := keys.Name(fmt.Sprint("chat/c/u", i))
		want[n] = create(t, v, n)
	}
	for _, n := range []keys.Name{"chat/c/u3", "chat/c/u8"} {
		destroy(t, v, n)
		delete(want, n)
	}
	return want
}

func wantFilled(t *testing.T, v keys.Vault, want map[keys.Name]keys.Key) {
	t.Helper()
	for n, key := range want {
		if got, err := v.Open(t.Context(), n); err != nil || got != key {
			t.Errorf("%s: another key or %v", n, err)
		}
	}
	wantDestroyed(t, v, "chat/c/u3")
	wantDestroyed(t, v, "chat/c/u8")
	wantOpen(t, v, "chat/c/never", keys.ErrNotFound)
}

func aRotatedRootKeepsEverything(t *testing.T, k Keeping) {
	v := k.open(t, 1)
	want := filled(t, v)
	public, _ := v.PublicKey(t.Context())
	before := wantGenerations(t, v, 1)
	for range 2 {
		if err := v.RotateRoot(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantFilled(t, v, want)
		create(t, v, "chat/c/more")
	}
	after := wantGenerations(t, v, 1)
	if after[0].Number <= before[0].Number {
		t.Errorf("generation %d after %d", after[0].Number, before[0].Number)
	}
	v = k.open(t, 1)
	wantFilled(t, v, want)
	if again, err := v.PublicKey(t.Context()); err != nil || !again.Equal(public) {
		t.Errorf("another signing key or %v", err)
	}
}

func wantGenerations(t *testing.T, v Keeper, want int) []keys.Generation {
	t.Helper()
	list, err := v.Generations(t.Context())
	if err != nil || len(list) != want {
		t.Fatalf("%d generations (%v), want %d", len(list), err, want)
	}
	return list
}

func aRootKeyIsChangedInThreeSteps(t *testing.T, k Keeping) {
	v := k.open(t, 1)
	want := filled(t, v)
	if err := v.Admit(t.Context(), k.Root(2)); err != nil {
		t.Fatal(err)
	}
	if g := wantGenerations(t, v, 1); len(g[0].Roots) != 2 || g[0].Roots[1] != k.Root(2).ID() {
		t.Errorf("root keys %v, want the admitted one at the end", g[0].Roots)
	}
	wantFilled(t, k.open(t, 1), want)
	v = k.open(t, 2)
	wantFilled(t, v, want)
	if err := k.open(t, 1).RotateRoot(t.Context()); !errors.Is(err, keys.ErrSucceeded) {
		t.Errorf("rotation by the former root key: %v, want %v", err, keys.ErrSucceeded)
	}
	v = k.open(t, 2)
	if err := v.RotateRoot(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantFilled(t, v, want)
	if _, err := k.Open(k.Root(1)); !errors.Is(err, keys.ErrForeignRoot) {
		t.Errorf("the former root key opens: %v, want %v", err, keys.ErrForeignRoot)
	}
	wantFilled(t, k.open(t, 2), want)
}

func anAdmissionIsTakenBack(t *testing.T, k Keeping) {
	v := k.open(t, 1)
	want := filled(t, v)
	for _, root := range []int{2, 1} {
		if err := v.Admit(t.Context(), k.Root(root)); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.RotateRoot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Open(k.Root(2)); !errors.Is(err, keys.ErrForeignRoot) {
		t.Errorf("the root key that was taken back opens: %v", err)
	}
	wantFilled(t, k.open(t, 1), want)
}

func aForeignRootKeyIsRefused(t *testing.T, k Keeping) {
	want := filled(t, k.open(t, 1))
	if _, err := k.Open(k.Root(2)); !errors.Is(err, keys.ErrForeignRoot) || !strings.Contains(err.Error(), k.Root(2).String()) {
		t.Errorf("error %v, want %v with the place of the root key", err, keys.ErrForeignRoot)
	}
	wantFilled(t, k.open(t, 1), want)
}

func headsVerifyAfterTheSignerIsRotated(t *testing.T, k Keeping) {
	v := k.open(t, 1)
	var signed []chain.Signature
	for range 3 {
		sig, err := v.Sign(t.Context(), []byte(message))
		if err != nil {
			t.Fatal(err)
		}
		signed = append(signed, sig)
		if err := v.RotateSigning(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	v = k.open(t, 1)
	list, err := v.PublicKeys(t.Context())
	if err != nil || len(list) != len(signed)+1 {
		t.Fatalf("%d public keys (%v), want %d", len(list), err, len(signed)+1)
	}
	for i, sig := range signed {
		if err := chain.Verify(list[i].Key, []byte(message), sig); err != nil {
			t.Errorf("head %d: %v", i, err)
		}
		if list[i].Until.IsZero() || list[i].Until.Before(list[i].Since) || list[i+1].Since.After(list[i].Until) {
			t.Errorf("key %d signed from %v until %v, the next from %v", i, list[i].Since, list[i].Until, list[i+1].Since)
		}
	}
	last := list[len(list)-1]
	if public, err := v.PublicKey(t.Context()); err != nil || !public.Equal(last.Key) || !last.Until.IsZero() {
		t.Errorf("the last key is not the one that signs (%v)", err)
	}
}

func export(t *testing.T, v Keeper, since time.Time, want int) string {
	t.Helper()
	var ledger strings.Builder
	if n, err := v.ExportTombstones(t.Context(), &ledger, since); err != nil || n != want {
		t.Fatalf("exported %d tombstones (%v), want %d", n, err, want)
	}
	return ledger.String()
}

func theLedgerHoldsTombstonesOnly(t *testing.T, k Keeping) {
	v := k.open(t, 1)
	filled(t, v)
	destroy(t, v, "never used")
	ledger := export(t, v, time.Time{}, 3)
	for _, secret := range []string{"chat", "u3", "never"} {
		if strings.Contains(ledger, secret) {
			t.Errorf("the ledger shows %q", secret)
		}
	}
}

func theLedgerIsFollowedAgain(t *testing.T, k Keeping) {
	v := k.open(t, 1)
	want := filled(t, v)
	ledger := export(t, v, time.Time{}, 2)
	half := ledger[:len(ledger)/2+10]
	if n, err := v.ReplayTombstones(t.Context(), strings.NewReader(ledger+ledger)); err != nil || n != 4 {
		t.Errorf("followed %d lines, %v", n, err)
	}
	if n, err := v.ReplayTombstones(t.Context(), strings.NewReader(half+ledger)); err == nil || n != 3 {
		t.Errorf("with a line that was cut: followed %d lines, %v; want 3 and an error", n, err)
	}
	wantFilled(t, v, want)
	if again := export(t, v, time.Time{}, 2); again != ledger {
		t.Error("following a ledger changed it")
	}
}

func aChangedLedgerIsNotFollowed(t *testing.T, k Keeping) {
	v := k.open(t, 1)
	filled(t, v)
	ledger := []byte(export(t, v, time.Time{}, 2))
	line := bytes.TrimSpace(ledger)[:bytes.IndexByte(bytes.TrimSpace(ledger), '\n')]
	for i := range line {
		changed := bytes.Clone(line)
		changed[i] ^= 0x01
		if n, err := v.ReplayTombstones(t.Context(), bytes.NewReader(changed)); n != 0 || err == nil {
			t.Fatalf("byte %d changed: followed %d lines, %v", i, n, err)
		}
	}
}

func aLedgerIsExportedFromAMomentOn(t *testing.T, k Keeping) {
	v := k.open(t, 1)
	filled(t, v)
	export(t, v, time.Now().Add(-time.Hour), 2)
	export(t, v, time.Now().Add(time.Hour), 0)
}

func aLedgerFitsAfterTheRootKeyIsRotated(t *testing.T, k Keeping) {
	v := k.open(t, 1)
	filled(t, v)
	ledger := export(t, v, time.Time{}, 2)
	if err := v.RotateRoot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := v.ReplayTombstones(context.Background(), strings.NewReader(ledger)); err != nil || n != 2 {
		t.Errorf("followed %d lines, %v", n, err)
	}
	if again := export(t, v, time.Time{}, 2); again != ledger {
		t.Error("the rotation changed the ledger")
	}
}
