package redis

import (
	"maps"
	"slices"
	"sync"
)

// attached is who is connected to this node, the truth behind what the registry says of it. Any goroutine may call it.
type attached struct {
	wake chan struct{} // holds a value while there may be a change to register

	mu      sync.Mutex
	byUser  map[string]*seat
	byName  map[name]*seat
	changed map[name]struct{} // not registered as they are
	next    *wave             // those in changed
	running *wave             // those that the registrar has taken; nil: none
}

// seat is a user with sessions.
type seat struct {
	user     string
	name     name
	sessions int
}

// wave is a number of changes that are registered together. done is closed after err is set.
type wave struct {
	done chan struct{}
	err  error
}

func newWave() *wave { return &wave{done: make(chan struct{})} }

func newAttached() *attached {
	return &attached{
		wake: make(chan struct{}, 1), byUser: map[string]*seat{}, byName: map[name]*seat{},
		changed: map[name]struct{}{}, next: newWave(),
	}
}

// add counts a session and returns the wave after which the user is registered; nil says that the user is already.
func (a *attached) add(user string, name name) *wave {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.byUser[user]
	if s == nil {
		s = &seat{user: user, name: name}
		a.byUser[user], a.byName[name] = s, s
		a.change(name)
	}
	s.sessions++
	if _, waits := a.changed[name]; waits {
		return a.next
	}
	return a.running
}

// remove takes a session back. Taking back more than was added changes nothing.
func (a *attached) remove(user string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.byUser[user]
	if s == nil {
		return
	}
	if s.sessions--; s.sessions == 0 {
		delete(a.byUser, user)
		delete(a.byName, s.name)
		a.change(s.name)
	}
}

func (a *attached) change(n name) {
	a.changed[n] = struct{}{}
	a.signal()
}

func (a *attached) signal() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// changeAll has everybody registered again and returns the wave after which that is done.
func (a *attached) changeAll() *wave {
	a.mu.Lock()
	defer a.mu.Unlock()
	for n := range a.byName {
		a.changed[n] = struct{}{}
	}
	a.signal()
	return a.next
}

// take gives the registrar what has changed. It calls settle when it is through.
func (a *attached) take() []name {
	a.mu.Lock()
	defer a.mu.Unlock()
	names := slices.Collect(maps.Keys(a.changed))
	clear(a.changed)
	a.running, a.next = a.next, newWave()
	return names
}

// settle ends the wave that take began. What was not registered stays to be.
func (a *attached) settle(left []name, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range left {
		a.changed[n] = struct{}{}
	}
	a.running.err = err
	close(a.running.done)
	a.running = nil
}

// retry wakes the registrar if something was left.
func (a *attached) retry() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.changed) > 0 {
		a.signal()
	}
}

// split says which of the names are attached and which are not.
func (a *attached) split(names []name) (here, gone []name) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range names {
		if a.byName[n] != nil {
			here = append(here, n)
		} else {
			gone = append(gone, n)
		}
	}
	return here, gone
}

// names returns all who are attached.
func (a *attached) names() []name {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Keys(a.byName))
}

// of returns those of the users who are attached, each once.
func (a *attached) of(users []string) (here []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, u := range users {
		if a.byUser[u] != nil && !slices.Contains(here, u) {
			here = append(here, u)
		}
	}
	return here
}

// has says of each of the users whether it is attached.
func (a *attached) has(users []string) []bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	here := make([]bool, len(users))
	for i, u := range users {
		here[i] = a.byUser[u] != nil
	}
	return here
}

// named returns the users behind the names, of those who are attached.
func (a *attached) named(names []name) (here []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range names {
		if s := a.byName[n]; s != nil {
			here = append(here, s.user)
		}
	}
	return here
}
