package sealertest

import (
	"context"
	"errors"
	"sync"

	"parley/chat/sealer"
)

// ErrFault is what an injected failure returns.
var ErrFault = errors.New("sealertest: injected fault")

// Fault is how one commit ends.
type Fault int

// The ways in which a commit ends. For the caller the two failures look the same.
const (
	Works          Fault = iota
	Fails                // nothing is stored
	FailsPersisted       // everything is stored, and the answer is lost
)

// Faults is a store whose commits fail by plan. Any goroutine may call it.
type Faults struct {
	sealer.Store

	mu   sync.Mutex
	plan []Fault
	// Between is called before each commit, with nothing held; nil does nothing.
	Between func()
}

// Next plans how the next commits end; after them all work.
func (f *Faults) Next(plan ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan = append(f.plan, plan...)
}

// Commit implements [sealer.Store].
func (f *Faults) Commit(ctx context.Context, t sealer.Tree) error {
	if f.Between != nil {
		f.Between()
	}
	f.mu.Lock()
	how := Works
	if len(f.plan) > 0 {
		how, f.plan = f.plan[0], f.plan[1:]
	}
	f.mu.Unlock()
	if how == Fails {
		return ErrFault
	}
	err := f.Store.Commit(ctx, t)
	if how == FailsPersisted {
		return errors.Join(ErrFault, err)
	}
	return err
}
