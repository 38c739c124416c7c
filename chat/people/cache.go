package people

import (
	"sync"
	"time"

	"parley/internal/identity"
)

// cache remembers profiles for a while: two generations of at most half the size each, the older dropped as the younger is
// full.
type cache struct {
	mu         sync.Mutex
	half       int
	ttl        time.Duration
	now        func() time.Time
	drops      uint64
	young, old map[identity.UserID]held
}

type held struct {
	profile *profile
	until   time.Time
}

func newCache(size int, ttl time.Duration, now func() time.Time) *cache {
	return &cache{half: max(1, size/2), ttl: ttl, now: now, young: map[identity.UserID]held{}}
}

// get returns what is remembered of the users, nil for the others, and what [cache.put] wants to know.
func (c *cache) get(users []identity.UserID) (found []*profile, asked moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	found = make([]*profile, len(users))
	for i, u := range users {
		h, ok := c.young[u]
		if !ok {
			h = c.old[u]
		}
		if h.profile != nil && now.Before(h.until) {
			found[i] = h.profile
		}
	}
	return found, moment{now, c.drops}
}

// moment is when something was asked for: before a read, so that what is read is at most as old as it says.
type moment struct {
	at    time.Time
	drops uint64
}

// put remembers what was read, unless somebody was dropped since it was asked for: it may be of before the drop.
func (c *cache) put(u identity.UserID, p *profile, asked moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if asked.drops != c.drops {
		return
	}
	if len(c.young) >= c.half {
		c.old, c.young = c.young, make(map[identity.UserID]held, c.half)
	}
	c.young[u] = held{p, asked.at.Add(c.ttl)}
}

// drop forgets a user whose document changed.
func (c *cache) drop(u identity.UserID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	delete(c.young, u)
	delete(c.old, u)
}
