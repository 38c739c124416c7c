package grant_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/internal/identity"
	"parley/internal/identity/grant"
	"parley/internal/identity/grant/granttest"
)

// town is a store and what nodes share beside it.
type town struct {
	at      time.Time
	store   granttest.Memory
	key     [32]byte
	keyGone error
	revoked map[string]bool // users and tokens
	noWord  error           // of revocations
	asked   func()          // while revocations are asked
}

func newTown() *town {
	w := &town{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), key: [32]byte{7}, revoked: map[string]bool{}}
	w.store.Now = w.now
	return w
}

func (w *town) now() time.Time       { return w.at }
func (w *town) pass(d time.Duration) { w.at = w.at.Add(d) }

func (w *town) Revoked(_ context.Context, u identity.UserID, token string, _ time.Time) (bool, error) {
	if w.asked != nil {
		w.asked()
	}
	return w.revoked[string(u)] || w.revoked[token], w.noWord
}

func (w *town) node() *grant.Grants {
	return grant.New(grant.Config{Store: &w.store, Revocations: w, Now: w.now,
		Key: func(context.Context) ([32]byte, error) { return w.key, w.keyGone }})
}

func (w *town) signedIn(user string) identity.Principal {
	return identity.Principal{User: identity.UserID(user), Role: identity.Candidate, TokenID: "t-" + user,
		Issued: w.at.Add(-time.Minute), Expires: w.at.Add(24 * time.Hour)}
}

func give(t *testing.T, g *grant.Grants, p identity.Principal, seats ...grant.Seat) []string {
	t.Helper()
	words, err := g.Give(t.Context(), p, seats...)
	if err != nil {
		t.Fatal(err)
	}
	return words
}

func TestWhatOneNodeGaveAnotherTakes(t *testing.T) {
	w := newTown()
	a, b := w.node(), w.node()
	p := w.signedIn("u1")
	words := give(t, a, p, grant.Seat{Recording: "r1", Side: "u2"}, grant.Seat{Recording: "r1", Side: "u1"})
	for i, side := range []identity.UserID{"u2", "u1"} {
		seat, err := b.Use(t.Context(), words[i])
		if err != nil || seat.Recording != "r1" || seat.Side != side || seat.By.User != p.User || seat.By.TokenID != p.TokenID ||
			!seat.By.Issued.Equal(p.Issued) || !seat.By.Expires.Equal(p.Expires) {
			t.Errorf("seat %+v, %v", seat, err)
		}
	}
}

func TestWordsOfGrantsAreNotGuessable(t *testing.T) {
	w := newTown()
	g, seen := w.node(), map[string]bool{}
	for range 50 {
		word := give(t, g, w.signedIn("u1"), grant.Seat{})[0]
		if seen[word] || len(word) < 26 { // 26 letters of base32 are 130 bits
			t.Fatalf("word of %d letters, repeated %v", len(word), seen[word])
		}
		seen[word] = true
	}
	for _, word := range []string{"", "A", "AAAAAAAAAAAAAAAAAAAAAAAAAA", strings.Repeat("A", 64)} {
		if _, err := g.Use(t.Context(), word); !errors.Is(err, grant.ErrEnded) {
			t.Errorf("a made-up word of %d letters: %v", len(word), err)
		}
	}
	if asked, _ := w.store.Uses(); asked != 1 {
		t.Errorf("the store was asked %d times, want once: the others are no words", asked)
	}
}

func TestGrantNeverOutlivesItsToken(t *testing.T) {
	w := newTown()
	g, p := w.node(), w.signedIn("u1")
	p.Expires = w.at.Add(30 * time.Second)
	lease := g.Lease(t.Context(), give(t, g, p, grant.Seat{})[0])
	session := g.Session(t.Context(), p)
	for range 29 {
		w.pass(time.Second)
		if err := errors.Join(lease(), session()); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(time.Second)
	for _, may := range []func() error{lease, session} {
		if err := may(); !errors.Is(err, grant.ErrEnded) {
			t.Errorf("after the token's end: %v", err)
		}
	}
}

func TestReadingOnAsksTheStoreSeldom(t *testing.T) {
	w := newTown()
	g := w.node()
	lease := g.Lease(t.Context(), give(t, g, w.signedIn("u1"), grant.Seat{})[0])
	for range 10_000 { // two minutes of chunks
		if err := lease(); err != nil {
			t.Fatal(err)
		}
		w.pass(12 * time.Millisecond)
	}
	if asked, wrote := w.store.Uses(); asked != 24 || wrote > 4 {
		t.Errorf("the store was asked %d times and wrote %d times in two minutes; want every %v and %v", asked, wrote, grant.Fresh, grant.Push)
	}
}

func TestRevocationEndsGrants(t *testing.T) { // T7
	for _, what := range []identity.Revocation{{User: "u1"}, {TokenID: "t-u1"}} {
		for _, told := range []bool{true, false} {
			t.Run(fmt.Sprintf("%+v told %v", what, told), func(t *testing.T) {
				w := newTown()
				g := w.node()
				p := w.signedIn("u1")
				may := []func() error{g.Lease(t.Context(), give(t, g, p, grant.Seat{})[0]), g.Session(t.Context(), p)}
				other := g.Lease(t.Context(), give(t, g, w.signedIn("u2"), grant.Seat{})[0])
				for _, lease := range append(may, other) {
					if err := lease(); err != nil {
						t.Fatal(err)
					}
				}
				w.revoked[string(what.User)+what.TokenID] = true
				if told {
					g.Drop(what)
				} else {
					w.pass(grant.Fresh)
				}
				for i, lease := range may {
					if err := lease(); !errors.Is(err, grant.ErrEnded) {
						t.Errorf("%d: what is being sent goes on after a revocation: %v", i, err)
					}
				}
				if err := other(); err != nil {
					t.Errorf("somebody else's grant was taken back: %v", err)
				}
			})
		}
	}
}

func TestAnAnswerThatCrossedARevocationIsNotRemembered(t *testing.T) { // T7
	w := newTown()
	g := w.node()
	lease := g.Lease(t.Context(), give(t, g, w.signedIn("u1"), grant.Seat{})[0])
	w.asked = func() { g.Drop(identity.Revocation{User: "u1"}) } // just when the answer "no" is on its way
	if err := lease(); err != nil {
		t.Fatal(err)
	}
	w.asked, w.revoked["u1"] = nil, true
	if err := lease(); !errors.Is(err, grant.ErrEnded) {
		t.Errorf("the older answer still counts: %v", err)
	}
}

func TestWhoeverCannotTellGrantsNothing(t *testing.T) {
	away := errors.New("away")
	for name, broken := range map[string]func(w *town, err error){
		"store":       func(w *town, err error) { w.store.Break(err) },
		"vault":       func(w *town, err error) { w.keyGone = err },
		"revocations": func(w *town, err error) { w.noWord = err },
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown()
			g := w.node()
			word := give(t, g, w.signedIn("u1"), grant.Seat{})[0]
			lease := g.Lease(t.Context(), word)
			if err := lease(); err != nil {
				t.Fatal(err)
			}
			broken(w, away)
			if err := lease(); err != nil {
				t.Errorf("what was fresh is refused: %v", err)
			}
			w.pass(grant.Fresh)
			if err := lease(); !errors.Is(err, away) || errors.Is(err, grant.ErrEnded) {
				t.Errorf("%v, want %v: it has not ended, nobody can tell", err, away)
			}
			if _, err := w.node().Use(t.Context(), word); !errors.Is(err, away) {
				t.Errorf("on another node: %v", err)
			}
			broken(w, nil)
			if err := lease(); err != nil {
				t.Errorf("after it came back: %v", err)
			}
		})
	}
}

func TestASeatFitsItsWordAndItsKeyOnly(t *testing.T) {
	w := newTown()
	g := w.node()
	words := give(t, g, w.signedIn("u1"), grant.Seat{Side: "u1"}, grant.Seat{Side: "u2"})
	swapped := w.store.Rows()
	swapped[0].Sealed, swapped[1].Sealed = swapped[1].Sealed, swapped[0].Sealed
	if err := w.store.Give(t.Context(), swapped); err != nil {
		t.Fatal(err)
	}
	for _, word := range words {
		if seat, err := g.Use(t.Context(), word); err == nil || errors.Is(err, grant.ErrEnded) {
			t.Errorf("a seat moved to another word: %+v, %v", seat, err)
		}
	}
	word := give(t, g, w.signedIn("u1"), grant.Seat{})[0]
	w.key[0]++
	if seat, err := g.Use(t.Context(), word); err == nil || errors.Is(err, grant.ErrEnded) {
		t.Errorf("under another key: %+v, %v", seat, err)
	}
}

func TestMoreSeatsThanOnePersonMayHoldGetNoWords(t *testing.T) {
	w := newTown()
	g := w.node()
	if words := give(t, g, w.signedIn("u1"), make([]grant.Seat, grant.PerUser+1)...); len(words) != grant.PerUser {
		t.Errorf("%d words", len(words))
	}
	if words := give(t, g, w.signedIn("u1")); len(words) != 0 || len(w.store.Rows()) != grant.PerUser {
		t.Errorf("%d words for nothing", len(words))
	}
}
