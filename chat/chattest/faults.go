package chattest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"parley/chat"
)

// ErrFault is what an injected failure returns.
var ErrFault = errors.New("chattest: injected fault")

// Fault is how one call to a store ends.
type Fault int

// The ways in which a commit ends. For the caller the two failures look the same.
const (
	Works          Fault = iota
	Fails                // nothing is stored
	FailsPersisted       // everything is stored, and the answer is lost
)

// Faults is a store whose Open and Append fail by plan. Any goroutine may call it.
type Faults struct {
	chat.Store

	mu      sync.Mutex
	plan    []Fault
	pick    func() Fault
	gate    chan struct{}
	refused map[chat.ClientID]bool
	batches []int
}

// Next plans how the next calls end, one after the other; after them all work.
func (f *Faults) Next(plan ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan = append(f.plan, plan...)
}

// Pick lets p decide about the calls that are not planned. It is called by one goroutine at a time.
func (f *Faults) Pick(p func() Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pick = p
}

// Hold makes the following calls of Append wait until release is called.
func (f *Faults) Hold() (release func()) {
	gate := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gate = gate
	return sync.OnceFunc(func() { close(gate) })
}

// Refuse makes the store unable to take rows of that client id, as a constraint would.
func (f *Faults) Refuse(cid chat.ClientID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	put(&f.refused, cid, true)
}

// Batches is the size of each batch that came to Append so far.
func (f *Faults) Batches() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.batches)
}

func (f *Faults) next() Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.plan) > 0 {
		d := f.plan[0]
		f.plan = f.plan[1:]
		return d
	}
	if f.pick != nil {
		return f.pick()
	}
	return Works
}

// Open implements [chat.Store].
func (f *Faults) Open(ctx context.Context, n chat.Founding) (chat.ConversationID, error) {
	return faulty(f.next(), func() (chat.ConversationID, error) { return f.Store.Open(ctx, n) })
}

// Append implements [chat.Store].
func (f *Faults) Append(ctx context.Context, b chat.Batch) (chat.Outcome, error) {
	f.mu.Lock()
	f.batches = append(f.batches, len(b.Rows)+len(b.Marks))
	gate := f.gate
	bad := slices.IndexFunc(b.Rows, func(r chat.Row) bool { return f.refused[r.CID] })
	f.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if bad >= 0 {
		return chat.Outcome{}, fmt.Errorf("append: %w", &chat.RowError{Index: bad, Err: ErrFault})
	}
	return faulty(f.next(), func() (chat.Outcome, error) { return f.Store.Append(ctx, b) })
}

func faulty[T any](how Fault, do func() (T, error)) (T, error) {
	var none T
	if how == Fails {
		return none, ErrFault
	}
	got, err := do()
	if err != nil || how == FailsPersisted {
		return none, errors.Join(ErrFault, err)
	}
	return got, nil
}
