package granttest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"parley/internal/identity/grant"
)

// Opened is an empty store whose time a test moves.
type Opened struct {
	grant.Store
	// Pass has so much time pass for the store, or for everything that is in it.
	Pass func(d time.Duration)
}

// Run runs what every store must do.
func Run(t *testing.T, open func(t *testing.T) Opened) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s Opened)
	}{
		{"a grant is given back as it was kept", keeps},
		{"a grant that is never used ends", starts},
		{"a grant that is used lasts until it idles", idles},
		{"a use is written down now and then", pushes},
		{"no use makes a grant live for ever", ends},
		{"a grant ends with the session it was given for", endsWithSession},
		{"a person holds so many grants and the longest unused go", bounds},
		{"what was just given does not give way", spares},
		{"grants given at once by many are bounded all the same", boundsAtOnce},
		{"an ended context does nothing", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // the tests mostly wait for disks
			c.run(t, open(t))
		})
	}
}

// named is the hash of a number or name.
func named(v any) (h grant.Hash) {
	copy(h[:], fmt.Sprint(v))
	return h
}

func (s Opened) give(t testing.TB, owner string, words ...any) {
	t.Helper()
	var rows []grant.Row
	for _, w := range words {
		rows = append(rows, grant.Row{Word: named(w), Owner: named(owner), Until: time.Now().Add(24 * time.Hour), Sealed: fmt.Append(nil, w)})
	}
	if err := s.Give(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
}

// holds expects that the word is good, or is not.
func (s Opened) holds(t testing.TB, word any, want bool) grant.Used {
	t.Helper()
	used, err := s.Use(t.Context(), named(word))
	if err != nil && !errors.Is(err, grant.ErrEnded) || (err == nil) != want {
		t.Fatalf("%v: %v, want good %v", word, err, want)
	}
	return used
}

// near says whether a time left is what it should be, but for what the test itself took.
func near(got, want time.Duration) bool { return got <= want && got > want-10*time.Second }

func keeps(t *testing.T, s Opened) {
	s.give(t, "u", "a", "b")
	for _, w := range []string{"a", "b"} {
		if got := s.holds(t, w, true); string(got.Sealed) != w || !near(got.Left, grant.Idle) {
			t.Errorf("%s: %q for %v", w, got.Sealed, got.Left)
		}
	}
	s.holds(t, "c", false)
}

func starts(t *testing.T, s Opened) {
	s.give(t, "u", "a", "b")
	s.Pass(grant.Start - 10*time.Second)
	s.holds(t, "a", true)
	s.Pass(10 * time.Second)
	s.holds(t, "b", false)
	s.holds(t, "a", true)
}

func idles(t *testing.T, s Opened) {
	s.give(t, "u", "a")
	for range 5 {
		s.holds(t, "a", true)
		s.Pass(grant.Idle - 10*time.Second)
	}
	s.holds(t, "a", true)
	s.Pass(grant.Idle)
	s.holds(t, "a", false)
}

func pushes(t *testing.T, s Opened) {
	s.give(t, "u", "a")
	s.holds(t, "a", true)
	s.Pass(grant.Push / 2)
	if got := s.holds(t, "a", true); !near(got.Left, grant.Idle-grant.Push/2) {
		t.Errorf("a use soon after another: %v left, want what there was", got.Left)
	}
	s.Pass(grant.Push / 2)
	if got := s.holds(t, "a", true); !near(got.Left, grant.Idle) {
		t.Errorf("a use later: %v left, want %v", got.Left, grant.Idle)
	}
}

func ends(t *testing.T, s Opened) {
	s.give(t, "u", "a")
	for spent := time.Duration(0); spent < grant.Longest; spent += 10 * time.Minute {
		if got := s.holds(t, "a", true); got.Left > grant.Longest-spent {
			t.Fatalf("after %v there are %v left", spent, got.Left)
		}
		s.Pass(10 * time.Minute)
	}
	s.holds(t, "a", false)
}

func endsWithSession(t *testing.T, s Opened) {
	for name, session := range map[string]time.Duration{"a": 20 * time.Second, "b": 5 * time.Minute, "c": -time.Second} {
		r := grant.Row{Word: named(name), Owner: named("u"), Until: time.Now().Add(session), Sealed: []byte{1}}
		if err := s.Give(t.Context(), []grant.Row{r}); err != nil {
			t.Fatal(err)
		}
	}
	s.holds(t, "c", false)
	if got := s.holds(t, "a", true); !near(got.Left, 20*time.Second) {
		t.Errorf("%v left of 20 s", got.Left)
	}
	if got := s.holds(t, "b", true); !near(got.Left, 5*time.Minute) {
		t.Errorf("%v left of 5 minutes", got.Left)
	}
	s.Pass(20 * time.Second)
	s.holds(t, "a", false)
	s.Pass(280 * time.Second)
	s.holds(t, "b", false)
}

func bounds(t *testing.T, s Opened) {
	s.give(t, "other", "x")
	s.holds(t, "x", true)
	s.give(t, "u", "first", "used")
	s.Pass(time.Second)
	s.holds(t, "used", true)
	for i := range grant.PerUser - 1 {
		s.Pass(10 * time.Millisecond)
		s.give(t, "u", i)
	}
	s.holds(t, "first", false)
	for _, w := range []any{"x", "used", 0, grant.PerUser - 2} {
		s.holds(t, w, true)
	}
}

func spares(t *testing.T, s Opened) {
	for i := range grant.PerUser { // somebody who has looked at much lately
		s.give(t, "u", i)
		s.holds(t, i, true)
	}
	s.Pass(time.Millisecond)
	s.give(t, "u", "one", "other")
	s.holds(t, "one", true)
	s.holds(t, "other", true)
	var all []any
	for i := range grant.PerUser {
		all = append(all, fmt.Sprint("new ", i))
	}
	s.give(t, "u", all...)
	s.holds(t, "one", false)
	for _, w := range all {
		s.holds(t, w, true)
	}
}

func boundsAtOnce(t *testing.T, s Opened) {
	const givers, each = 8, 20
	done := make(chan error)
	for g := range givers {
		go func() {
			for i := range each {
				r := grant.Row{Word: named(fmt.Sprint(g, " ", i)), Owner: named("u"), Until: time.Now().Add(time.Hour), Sealed: []byte{1}}
				if err := s.Give(t.Context(), []grant.Row{r}); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range givers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	good := 0
	for g := range givers {
		for i := range each {
			if _, err := s.Use(t.Context(), named(fmt.Sprint(g, " ", i))); err == nil {
				good++
			}
		}
	}
	if good != grant.PerUser {
		t.Errorf("%d grants hold, want %d", good, grant.PerUser)
	}
}

func cancelled(t *testing.T, s Opened) {
	s.give(t, "u", "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Give(ctx, []grant.Row{{Word: named("b"), Owner: named("u"), Until: time.Now().Add(time.Hour), Sealed: []byte{1}}}); err == nil {
		t.Error("gave")
	}
	if _, err := s.Use(ctx, named("a")); err == nil || errors.Is(err, grant.ErrEnded) {
		t.Errorf("used: %v", err)
	}
	s.holds(t, "a", true)
	s.holds(t, "b", false)
}
