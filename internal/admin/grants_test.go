package admin

import (
	"testing"
	"time"

	"parley/internal/identity"
)

// clock is a clock that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time       { return c.at }
func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }
func newClock() *clock                { return &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }
func (c *clock) signedIn(user string) identity.Principal {
	return identity.Principal{User: identity.UserID(user), Role: identity.Candidate, Expires: c.at.Add(24 * time.Hour), TokenID: "t-" + user}
}

func TestGrantMustBeStartedWithinAMinute(t *testing.T) {
	c := newClock()
	g := newGrants(c.now)
	word := g.Give(seat{By: c.signedIn("u1"), Recording: "r1", Side: "u2"})
	c.pass(grantStart)
	if _, ok := g.Use(word); ok {
		t.Error("a grant that was never used still holds after a minute")
	}
}

func TestGrantThatIsUsedLastsUntilItIdles(t *testing.T) {
	c := newClock()
	g := newGrants(c.now)
	word := g.Give(seat{By: c.signedIn("u1"), Recording: "r1", Side: "u2"})
	for range 5 {
		c.pass(time.Second)
		got, ok := g.Use(word)
		if !ok || got.Recording != "r1" || got.Side != "u2" || got.By.User != "u1" {
			t.Fatalf("grant = %v, %v", got, ok)
		}
		c.pass(grantIdle - 2*time.Second)
	}
	c.pass(2 * time.Second)
	if _, ok := g.Use(word); ok {
		t.Error("a grant outlives its idle time")
	}
}

func TestGrantNeverOutlivesItsToken(t *testing.T) {
	c := newClock()
	g := newGrants(c.now)
	p := c.signedIn("u1")
	p.Expires = c.at.Add(30 * time.Second)
	word := g.Give(seat{By: p})
	c.pass(30 * time.Second)
	if _, ok := g.Use(word); ok {
		t.Error("a grant outlives the token that it was given for")
	}
}

func TestGrantEndsHoweverOftenItIsUsed(t *testing.T) {
	c := newClock()
	g := newGrants(c.now)
	word := g.Give(seat{By: c.signedIn("u1")})
	for spent := time.Duration(0); spent < grantMost; spent += 10 * time.Minute {
		if _, ok := g.Use(word); !ok {
			t.Fatalf("grant ended after %v", spent)
		}
		c.pass(10 * time.Minute)
	}
	if _, ok := g.Use(word); ok {
		t.Error("a grant lives for ever by being used")
	}
}

func TestWordsOfGrantsAreNotGuessable(t *testing.T) {
	c := newClock()
	g := newGrants(c.now)
	seen := map[string]bool{}
	for range 50 {
		word := g.Give(seat{By: c.signedIn("u1")})
		if seen[word] || len(word) < 26 { // 26 letters of base32 are 130 bits
			t.Fatalf("word of %d letters, repeated %v", len(word), seen[word])
		}
		seen[word] = true
	}
	if _, ok := g.Use("AAAAAAAAAAAAAAAAAAAAAAAAAA"); ok {
		t.Error("a made-up word is good")
	}
}

func TestGrantsAreBoundedForEachPerson(t *testing.T) {
	c := newClock()
	g := newGrants(c.now)
	other := g.Give(seat{By: c.signedIn("u2")})
	first := g.Give(seat{By: c.signedIn("u1")})
	for range maxUserGrants {
		c.pass(time.Millisecond)
		g.Give(seat{By: c.signedIn("u1")})
	}
	if _, ok := g.Use(first); ok {
		t.Error("the oldest grant of somebody who asks for many did not give way")
	}
	if _, ok := g.Use(other); !ok {
		t.Error("somebody else's grant gave way")
	}
}

func TestAGrantJustGivenIsNotTheFirstToGo(t *testing.T) {
	c := newClock()
	g := newGrants(c.now)
	for range maxUserGrants { // somebody who has looked at much lately
		g.Use(g.Give(seat{By: c.signedIn("u1")}))
	}
	one, other := g.Give(seat{By: c.signedIn("u1"), Side: "u1"}), g.Give(seat{By: c.signedIn("u1"), Side: "u2"})
	for _, word := range []string{one, other} {
		if _, ok := g.Use(word); !ok {
			t.Error("a side of the recording that was opened last can't be played")
		}
	}
}

func TestRevocationEndsGrants(t *testing.T) {
	for name, r := range map[string]identity.Revocation{
		"user":  {User: "u1"},
		"token": {TokenID: "t-u1"},
	} {
		c := newClock()
		g := newGrants(c.now)
		mine, other := g.Give(seat{By: c.signedIn("u1")}), g.Give(seat{By: c.signedIn("u2")})
		g.Drop(r)
		if _, ok := g.Use(mine); ok {
			t.Errorf("%s: a revoked person's grant still holds (T7)", name)
		}
		if _, ok := g.Use(other); !ok {
			t.Errorf("%s: somebody else's grant was taken back", name)
		}
	}
}

func TestALeaseEndsWithItsGrant(t *testing.T) {
	c := newClock()
	g := newGrants(c.now)
	word := g.Give(seat{By: c.signedIn("u1")})
	lease := g.lease(word)
	if !lease() {
		t.Fatal("a fresh grant is not good")
	}
	g.Drop(identity.Revocation{User: "u1"})
	if lease() {
		t.Error("what is being sent goes on after a revocation (T7)")
	}
}

func TestRateIsGrowthASecond(t *testing.T) {
	c := newClock()
	r := newRate(c.now)
	if got := r.Observe(0); got != 0 {
		t.Errorf("at first: %v", got)
	}
	c.pass(2 * time.Second)
	if got := r.Observe(10); got != 5 {
		t.Errorf("10 in 2 s: %v, want 5", got)
	}
	c.pass(100 * time.Millisecond)
	if got := r.Observe(10); got < 4 || got > 5 {
		t.Errorf("asked again at once: %v, want nearly 5", got)
	}
	c.pass(4 * time.Second)
	if got := r.Observe(10); got != 0 {
		t.Errorf("nothing for 4 s: %v, want 0", got)
	}
}
