package attach

import (
	"sync"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
)

// desk bounds what comes at a time: how many uploads of one person, and how many bytes of all are held in memory.
type desk struct {
	mu     sync.Mutex
	free   int64
	each   int
	people map[identity.UserID]int
}

func newDesk(memory int64, each int) *desk {
	return &desk{free: memory, each: each, people: map[identity.UserID]int{}}
}

// soon is when somebody who found no room should come again.
const soon = 2 * time.Second

// take makes room for one upload; the caller calls done once. policy.ErrRateLimited, policy.ErrUnavailable.
func (d *desk) take(user identity.UserID, bytes int64) (done func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.people[user] >= d.each {
		return nil, policy.ErrRateLimited.After(soon)
	}
	if d.free < bytes {
		return nil, policy.ErrUnavailable.After(soon)
	}
	d.people[user]++
	d.free -= bytes
	return func() { d.leave(user, bytes) }, nil
}

func (d *desk) leave(user identity.UserID, bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free += bytes
	if d.people[user]--; d.people[user] == 0 {
		delete(d.people, user)
	}
}
