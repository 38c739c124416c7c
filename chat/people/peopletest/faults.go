package peopletest

import (
	"context"
	"errors"
	"sync"
	"time"

	"parley/chat/people"
)

// ErrFault is what an injected failure returns.
var ErrFault = errors.New("peopletest: injected fault")

// Fault is how a call that changes something ends.
type Fault int

// For the caller the two failures look the same.
const (
	Works          Fault = iota
	Fails                // nothing is stored
	FailsPersisted       // everything is stored, and the answer is lost
)

// Faults is a store whose changes fail by plan. Any goroutine may call it.
type Faults struct {
	people.Store

	mu   sync.Mutex
	plan []Fault
}

// Next plans how the next changes end, one after the other; after them all work.
func (f *Faults) Next(plan ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan = append(f.plan, plan...)
}

func (f *Faults) do(change func() error) error {
	f.mu.Lock()
	fault := Works
	if len(f.plan) > 0 {
		fault, f.plan = f.plan[0], f.plan[1:]
	}
	f.mu.Unlock()
	if fault == Fails {
		return ErrFault
	}
	err := change()
	if fault == FailsPersisted {
		return ErrFault
	}
	return err
}

// Put implements [people.Documents].
func (f *Faults) Put(ctx context.Context, owner people.Hash, version uint64, sealed []byte) error {
	return f.do(func() error { return f.Store.Put(ctx, owner, version, sealed) })
}

// Close implements [people.Documents].
func (f *Faults) Close(ctx context.Context, owner people.Hash, at time.Time) error {
	return f.do(func() error { return f.Store.Close(ctx, owner, at) })
}

// Take implements [people.Contacts].
func (f *Faults) Take(ctx context.Context, c people.Contact) (count people.Count, err error) {
	err = f.do(func() (err error) { count, err = f.Store.Take(ctx, c); return err })
	return count, err
}

// SetLimit implements [people.Contacts].
func (f *Faults) SetLimit(ctx context.Context, owner people.Hash, limit *int) error {
	return f.do(func() error { return f.Store.SetLimit(ctx, owner, limit) })
}
