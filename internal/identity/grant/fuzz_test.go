package grant

import (
	"context"
	"errors"
	"testing"
	"time"
)

// asked is a store that knows of nothing, and of whether it was asked.
type asked struct{ times int }

func (a *asked) Give(context.Context, []Row) error { return nil }

func (a *asked) Use(context.Context, Hash) (Used, error) {
	a.times++
	return Used{}, ErrEnded
}

// FuzzWord uses whatever stands in an address: it opens nothing, and only what could be a word is looked up.
func FuzzWord(f *testing.F) {
	for _, s := range []string{"", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxy\x00", "../../../../../../../../x."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, word string) {
		store := &asked{}
		g := New(Config{Store: store, Key: func(context.Context) ([32]byte, error) { return [32]byte{7}, nil }})
		if _, err := g.Use(t.Context(), word); !errors.Is(err, ErrEnded) {
			t.Errorf("%q: %v", word, err)
		}
		if len(word) != wordLength && store.times > 0 {
			t.Errorf("the store was asked for %q", word)
		}
	})
}

// FuzzSealed opens what a fuzzer makes of a sealed seat: nothing but what was sealed, and that with its word only.
func FuzzSealed(f *testing.F) {
	s, err := newSealer([32]byte{7})
	if err != nil {
		f.Fatal(err)
	}
	seat := Seat{Interview: "i", Recording: "r", Side: "ann"}
	seat.By.User, seat.By.Expires = "ann", time.Unix(9, 0).UTC()
	whole, err := s.seal(hash("w"), seat)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[:len(whole)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := s.open(hash("w"), b); err == nil {
			t.Errorf("%x is opened as %v", b, got)
		}
		if got, err := s.open(hash("other"), whole); err == nil {
			t.Errorf("with another word: %v", got)
		}
	})
}
