package file

import (
	"container/list"
	"sync"

	"parley/storage/keys"
)

// cache keeps the unwrapped keys that were used last, so many at most.
type cache struct {
	mu    sync.Mutex
	limit int
	order *list.List // of cached, the last used in front
	items map[nameHash]*list.Element
}

type cached struct {
	name nameHash
	key  keys.Key
}

func newCache(limit int) *cache {
	return &cache{limit: limit, order: list.New(), items: map[nameHash]*list.Element{}}
}

func (c *cache) get(name nameHash) (keys.Key, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[name]
	if !ok {
		return keys.Key{}, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).key, true
}

func (c *cache) put(name nameHash, key keys.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[name]; ok {
		c.drop(e)
	}
	c.items[name] = c.order.PushFront(&cached{name, key})
	if c.order.Len() > c.limit {
		c.drop(c.order.Back())
	}
}

func (c *cache) remove(name nameHash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[name]; ok {
		c.drop(e)
	}
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.order.Len() > 0 {
		c.drop(c.order.Back())
	}
}

// drop takes an element out and wipes its key.
func (c *cache) drop(e *list.Element) {
	held := c.order.Remove(e).(*cached)
	delete(c.items, held.name)
	held.key = keys.Key{}
}
