package wrap

import (
	"container/list"
	"sync"

	"parley/storage/keys"
)

// Cache keeps the unwrapped keys that were used last, so many at most. Any goroutine may call it.
type Cache struct {
	mu    sync.Mutex
	limit int
	epoch uint64
	order *list.List // of cached, the last used in front
	items map[NameHash]*list.Element
}

type cached struct {
	name NameHash
	key  keys.Key
}

// DefaultCache is how many keys a vault keeps in memory unless told otherwise.
const DefaultCache = 4096

// NewCache makes an empty cache; a limit of 0 or less means DefaultCache.
func NewCache(limit int) *Cache {
	if limit <= 0 {
		limit = DefaultCache
	}
	return &Cache{limit: limit, order: list.New(), items: map[NameHash]*list.Element{}}
}

// Len is how many keys are in memory.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len()
}

// Get returns a key that is in memory.
func (c *Cache) Get(name NameHash) (keys.Key, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[name]
	if !ok {
		return keys.Key{}, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).key, true
}

// Epoch is taken before a key is read from the store and handed to Put with it.
func (c *Cache) Epoch() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch
}

// Put keeps a key, unless anything was removed since its epoch was taken: the key may have been read before its
// destruction, and nobody would come to remove it again.
func (c *Cache) Put(name NameHash, key keys.Key, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch != c.epoch {
		return
	}
	if e, ok := c.items[name]; ok {
		c.drop(e)
	}
	c.items[name] = c.order.PushFront(&cached{name, key})
	if c.order.Len() > c.limit {
		c.drop(c.order.Back())
	}
}

// Remove forgets keys.
func (c *Cache) Remove(names ...NameHash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	for _, name := range names {
		if e, ok := c.items[name]; ok {
			c.drop(e)
		}
	}
}

// Clear forgets all keys.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	for c.order.Len() > 0 {
		c.drop(c.order.Back())
	}
}

// drop takes an element out and wipes its key.
func (c *Cache) drop(e *list.Element) {
	held := c.order.Remove(e).(*cached)
	delete(c.items, held.name)
	held.key = keys.Key{}
}
