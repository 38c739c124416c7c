package wrap

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/storage/keys"
)

func ringOf(t testing.TB, generations ...uint32) *Ring {
	t.Helper()
	secrets := map[uint32]keys.Key{}
	for _, g := range generations {
		secrets[g] = keys.Key{byte(g), 1}
	}
	r, err := NewRing(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOnlyTheSameKindNameAndGenerationOpen(t *testing.T) {
	ring, name := ringOf(t, 1, 2), NameHash{1}
	sealed := ring.Seal(Data, name, []byte("plain"))
	if g, ok := GenerationOf(sealed); !ok || g != 2 {
		t.Errorf("generation %d, want the newest", g)
	}
	for what, test := range map[string]struct {
		ring  *Ring
		name  NameHash
		kinds []Kind
		want  error
	}{
		"as sealed":          {ring, name, []Kind{Tombstone, Data}, nil},
		"another name":       {ring, NameHash{2}, []Kind{Data}, ErrDamaged},
		"another kind":       {ring, name, []Kind{Tombstone, Signing}, ErrDamaged},
		"no kind":            {ring, name, nil, ErrDamaged},
		"without its secret": {ringOf(t, 1), name, []Kind{Data}, ErrDamaged},
	} {
		k, plain, err := test.ring.Open(sealed, test.name, test.kinds...)
		if !errors.Is(err, test.want) || err == nil && (k != Data || string(plain) != "plain") {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
	for i := range sealed {
		flipped := bytes.Clone(sealed)
		flipped[i] ^= 1
		if _, _, err := ring.Open(flipped, name, Data, Tombstone, Signing, NamesKey, 0); err == nil {
			t.Errorf("byte %d flipped: it opens", i)
		}
	}
}

func TestResealMovesToTheNewestGeneration(t *testing.T) {
	old := ringOf(t, 1)
	sealed := old.Seal(Data, NameHash{1}, make([]byte, 32))
	both := ringOf(t, 1, 2)
	again, err := both.Reseal(sealed, NameHash{1}, Data)
	if err != nil {
		t.Fatal(err)
	}
	only, err := both.Only(2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := only.OpenKey(again, NameHash{1}); err != nil {
		t.Error(err)
	}
	if _, err := only.OpenKey(sealed, NameHash{1}); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v, want %v", err, ErrDamaged)
	}
}

func namesOf(t testing.TB, first byte) Names {
	t.Helper()
	n, err := NewNames(keys.Key{first})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLinesOfALedger(t *testing.T) {
	names, foreign := namesOf(t, 1), namesOf(t, 2)
	at := time.UnixMicro(1_700_000_000_000_001).UTC()
	a := string(names.AppendLine(nil, Buried{NameHash{1}, at}))
	b := string(names.AppendLine(nil, Buried{NameHash{2}, time.Time{}}))
	other := string(foreign.AppendLine(nil, Buried{NameHash{3}, at}))
	for what, test := range map[string]struct {
		ledger string
		follow int
		bad    bool
	}{
		"nothing":               {"", 0, false},
		"two":                   {a + b, 2, false},
		"blank lines":           {"\n" + a + "\r\n\n" + b + "\n", 2, false},
		"no newline at the end": {a + strings.TrimSpace(b), 2, false},
		"a cut line":            {a[:50] + "\n" + b, 1, true},
		"a cut end":             {a + b[:50], 1, true},
		"another vault's":       {other + a, 1, true},
		"a long line":           {strings.Repeat("x", 10_000) + "\n" + a, 1, true},
		"a long end":            {a + strings.Repeat("x", 10_000), 1, true},
		"two parts swapped":     {a[:80] + b[80:] + a, 1, true},
	} {
		var got []Buried
		n, err := names.Follow(strings.NewReader(test.ledger), func(b Buried) error { got = append(got, b); return nil })
		if n != test.follow || len(got) != n || errors.Is(err, ErrLedger) != test.bad || (err == nil) == test.bad {
			t.Errorf("%s: followed %d, %v; want %d, bad %v", what, n, err, test.follow, test.bad)
		}
		if n > 0 && got[0] != (Buried{NameHash{1}, at}) && got[0] != (Buried{NameHash{2}, time.Time{}}) {
			t.Errorf("%s: followed %v", what, got[0])
		}
	}
}

func TestFollowEndsWithTheFirstFailure(t *testing.T) {
	names := namesOf(t, 1)
	line := string(names.AppendLine(nil, Buried{NameHash{1}, time.Time{}}))
	failure := errors.New("no")
	if n, err := names.Follow(strings.NewReader(line+line), func(Buried) error { return failure }); n != 0 || !errors.Is(err, failure) {
		t.Errorf("followed %d, %v", n, err)
	}
}

func TestNamesAreHashedWithTheirKey(t *testing.T) {
	one, two := namesOf(t, 1), namesOf(t, 2)
	a, _ := one.Hash("a")
	again, _ := one.Hash("a")
	b, _ := one.Hash("b")
	other, _ := two.Hash("a")
	if a != again || a == b || a == other {
		t.Error("hashes do not tell names and vaults apart")
	}
	for _, n := range []keys.Name{"", keys.Name(strings.Repeat("x", MaxName+1))} {
		if _, err := one.Hash(n); err == nil {
			t.Errorf("a name of %d bytes was hashed", len(n))
		}
	}
}

func TestTheCacheIsBoundedAndForgets(t *testing.T) {
	c := NewCache(3)
	name := func(i int) NameHash { return NameHash{byte(i)} }
	for i := range 5 {
		c.Put(name(i), keys.Key{byte(i)}, c.Epoch())
	}
	if _, ok := c.Get(name(1)); ok || c.Len() != 3 {
		t.Errorf("%d keys in memory, want the last 3", c.Len())
	}
	epoch := c.Epoch()
	c.Remove(name(3))
	if _, ok := c.Get(name(3)); ok {
		t.Error("a removed key is in memory")
	}
	if c.Put(name(3), keys.Key{3}, epoch); c.Len() != 2 {
		t.Error("a key that was read before a removal was kept")
	}
	if c.Clear(); c.Len() != 0 {
		t.Error("keys are in memory")
	}
}

func FuzzOpenNeverPanics(f *testing.F) {
	ring := ringOf(f, 0, 1)
	f.Add(ring.Seal(Data, NameHash{}, []byte("x")))
	f.Add([]byte{version1, byte(Data)})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		_, _, _ = ring.Open(sealed, NameHash{}, Data, Tombstone)
		_, _ = ring.OpenKey(sealed, NameHash{1})
	})
}

func FuzzFollowTakesOnlyItsOwnLines(f *testing.F) {
	names := namesOf(f, 1)
	own := Buried{NameHash{1}, time.UnixMicro(5).UTC()}
	line := names.AppendLine(nil, own)
	f.Add(line)
	f.Add(append(line, line...))
	f.Add([]byte("erased 00 0 00\n"))
	f.Fuzz(func(t *testing.T, ledger []byte) {
		n, _ := names.Follow(bytes.NewReader(ledger), func(b Buried) error {
			if b != own {
				return fmt.Errorf("followed %v", b)
			}
			return nil
		})
		if n > bytes.Count(ledger, []byte("erased ")) {
			t.Errorf("followed %d lines", n)
		}
	})
}
