package recording

import (
	"errors"
	"sync"
	"time"

	"parley/internal/policy"
)

// Bounds of the cache of derived files.
const (
	derivedKept = 8  // beyond those in use
	derivedMost = 64 // with those in use
	derivedTTL  = 5 * time.Minute
)

// derivedCache keeps derived files for a short while, so that the ranges of one playback are derived once. Any
// goroutine may call it.
type derivedCache struct {
	now func() time.Time

	mu    sync.Mutex
	items map[string]*derivedItem
}

// derivedItem is one file, while it is made and after.
type derivedItem struct {
	ready chan struct{} // closed when spool or err is set
	spool *spool
	err   error

	refs int // guarded by the cache, like what follows
	used time.Time
	gone bool // no longer in the cache: the last release closes it
}

func newDerivedCache(now func() time.Time) *derivedCache {
	return &derivedCache{now: now, items: map[string]*derivedItem{}}
}

// get gives the file of that name, making it when there is none. Callers that come while it is being made wait for it.
func (c *derivedCache) get(name string, derive func() (*spool, error)) (*Derived, error) {
	c.mu.Lock()
	c.evict()
	i, ok := c.items[name]
	if !ok && len(c.items) >= derivedMost {
		c.mu.Unlock()
		return nil, policy.ErrUnavailable
	}
	if !ok {
		i = &derivedItem{ready: make(chan struct{})}
		c.items[name] = i
	}
	i.refs++
	c.mu.Unlock()
	if !ok {
		i.make(derive)
	}
	<-i.ready
	if i.err != nil {
		c.drop(name, i)
		return nil, i.err
	}
	return newDerived(i.spool, func() { c.release(i) }), nil
}

// errDerive is what those who wait get when the one who derives panics.
var errDerive = errors.New("recording: deriving broke off")

func (i *derivedItem) make(derive func() (*spool, error)) {
	i.err = errDerive
	defer close(i.ready)
	i.spool, i.err = derive()
}

// drop forgets an item that could not be made.
func (c *derivedCache) drop(name string, i *derivedItem) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.items[name] == i {
		delete(c.items, name)
	}
}

func (c *derivedCache) release(i *derivedItem) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i.refs--
	i.used = c.now()
	if i.gone && i.refs == 0 {
		i.spool.f.Close()
	}
}

// evict closes what nobody has used for a while, and the longest unused of what is too much.
func (c *derivedCache) evict() {
	for name, i := range c.items {
		if i.refs == 0 && c.now().Sub(i.used) > derivedTTL {
			c.close(name, i)
		}
	}
	for len(c.items) >= derivedKept {
		oldest := ""
		for name, i := range c.items {
			if i.refs == 0 && (oldest == "" || i.used.Before(c.items[oldest].used)) {
				oldest = name
			}
		}
		if oldest == "" {
			return
		}
		c.close(oldest, c.items[oldest])
	}
}

func (c *derivedCache) close(name string, i *derivedItem) {
	delete(c.items, name)
	i.gone = true
	if i.refs == 0 {
		i.spool.f.Close()
	}
}

// tidy evicts what is due.
func (c *derivedCache) tidy() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.evict()
}

// clear forgets all; files in use are closed by their last user.
func (c *derivedCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, i := range c.items {
		select {
		case <-i.ready:
			if i.err == nil {
				c.close(name, i)
			}
		default:
		}
	}
}
