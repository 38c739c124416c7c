package admin

import (
	"crypto/rand"
	"sync"
	"time"

	"parley/internal/identity"
	"parley/recording"
)

// How long a grant for play-back lives.
const (
	// grantStart is how long a grant waits for its first use.
	grantStart = 60 * time.Second
	// grantIdle is how long it lives after its last use: a viewer pauses and goes on.
	grantIdle = 15 * time.Minute
	// grantMost is how long it lives at all: a leaked path must not live for ever by being used.
	grantMost = 4 * time.Hour
	// maxGrants bounds all grants together, and maxUserGrants those of one person; beyond, the one
	// that lay unused for longest goes, never the one that was just given.
	maxGrants     = 10_000
	maxUserGrants = 64
)

// seat is what a grant is for: one side of one recording, for one person.
type seat struct {
	By        identity.Principal
	Interview string
	Recording recording.ID
	Side      identity.UserID
}

type grant struct {
	seat
	made, ends time.Time
	touched    uint64 // when it was given or last used, by count
}

// grants are the play-backs allowed now, by the random word in their path. They live in memory: after a restart the
// page asks for new ones.
type grants struct {
	now func() time.Time

	mu    sync.Mutex
	by    map[string]*grant
	count uint64
}

func newGrants(now func() time.Time) *grants {
	return &grants{now: now, by: make(map[string]*grant)}
}

// Give makes a grant and returns its word of 128 random bits or more.
func (g *grants) Give(s seat) string {
	word, now := rand.Text(), g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sweep(now, s.By.User)
	g.count++
	g.by[word] = &grant{seat: s, made: now, ends: now.Add(grantStart), touched: g.count}
	return word
}

// Use returns what the word stands for and keeps it alive.
func (g *grants) Use(word string) (seat, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	held, ok := g.by[word]
	if !ok || !now.Before(held.ends) || !now.Before(held.By.Until()) {
		delete(g.by, word)
		return seat{}, false
	}
	g.count++
	held.touched = g.count
	held.ends = minTime(now.Add(grantIdle), held.made.Add(grantMost))
	return held.seat, true
}

// lease says, each time it is asked, whether the word is still good, and keeps it alive.
func (g *grants) lease(word string) func() bool {
	return func() bool {
		_, ok := g.Use(word)
		return ok
	}
}

// End gives a grant up.
func (g *grants) End(word string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.by, word)
}

// Drop takes back the grants that were made with what is revoked (T7).
func (g *grants) Drop(r identity.Revocation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for word, held := range g.by {
		if r.User != "" && held.By.User == r.User || r.TokenID != "" && held.By.TokenID == r.TokenID {
			delete(g.by, word)
		}
	}
}

// sweep forgets what has ended and makes room for one more of the user.
func (g *grants) sweep(now time.Time, user identity.UserID) {
	var mine int
	var myFirst, first string
	for word, held := range g.by {
		switch {
		case !now.Before(held.ends):
			delete(g.by, word)
			continue
		case held.By.User == user:
			mine++
			myFirst = g.older(myFirst, word)
		}
		first = g.older(first, word)
	}
	if mine >= maxUserGrants {
		delete(g.by, myFirst)
	} else if len(g.by) >= maxGrants {
		delete(g.by, first)
	}
}

func (g *grants) older(a, b string) string {
	if a == "" || g.by[b].touched < g.by[a].touched {
		return b
	}
	return a
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
