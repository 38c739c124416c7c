package attachtest

import (
	"context"
	"errors"
	"io"
	"sync"

	"parley/chat/attach"
	"parley/storage/object"
)

// ErrFault is what an injected failure returns.
var ErrFault = errors.New("attachtest: injected fault")

// Fault is how one call ends.
type Fault int

// The ways in which a call ends. For the caller the two failures look the same.
const (
	Works          Fault = iota
	Fails                // nothing is done
	FailsPersisted       // all is done, and the answer is lost
)

// Faults makes calls of a store and a bucket fail by plan. Both count together, reads as well as writes.
type Faults struct {
	mu    sync.Mutex
	calls int
	at    int
	fault Fault
}

// Plan has the call of that number, counted from 1 and from now, end so.
func (f *Faults) Plan(call int, fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.at, f.fault = 0, call, fault
}

// Calls is how many there were since the plan was made.
func (f *Faults) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// Reached sets what Calls returns, for a test that has gone on after what it counted.
func (f *Faults) Reached(calls int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = calls
}

// do makes a call.
func (f *Faults) do(call func() error) error {
	f.mu.Lock()
	f.calls++
	fault := Works
	if f.calls == f.at {
		fault = f.fault
	}
	f.mu.Unlock()
	if fault == Fails {
		return ErrFault
	}
	err := call()
	if fault == FailsPersisted {
		return ErrFault
	}
	return err
}

// FaultyStore is a store whose calls fail by plan.
type FaultyStore struct {
	attach.Store
	*Faults
}

// Begin implements [attach.Store].
func (s FaultyStore) Begin(ctx context.Context, r attach.Row, most attach.Day) error {
	return s.do(func() error { return s.Store.Begin(ctx, r, most) })
}

// Load implements [attach.Store].
func (s FaultyStore) Load(ctx context.Context, id attach.ID) (r attach.Row, err error) {
	err = s.do(func() error { r, err = s.Store.Load(ctx, id); return err })
	return r, err
}

// Claim implements [attach.Store].
func (s FaultyStore) Claim(ctx context.Context, id attach.ID, objects ...object.Key) error {
	return s.do(func() error { return s.Store.Claim(ctx, id, objects...) })
}

// Advance implements [attach.Store].
func (s FaultyStore) Advance(ctx context.Context, id attach.ID, p attach.Part) error {
	return s.do(func() error { return s.Store.Advance(ctx, id, p) })
}

// Finish implements [attach.Store].
func (s FaultyStore) Finish(ctx context.Context, id attach.ID, st attach.Stored) error {
	return s.do(func() error { return s.Store.Finish(ctx, id, st) })
}

// Use implements [attach.Store].
func (s FaultyStore) Use(ctx context.Context, id attach.ID) error {
	return s.do(func() error { return s.Store.Use(ctx, id) })
}

// FaultySweeping is a sweeping whose calls fail by plan.
type FaultySweeping struct {
	attach.Sweeping
	*Faults
}

// Orphans implements [attach.Sweeping].
func (s FaultySweeping) Orphans(ctx context.Context, limit int) (found []object.Key, err error) {
	err = s.do(func() error { found, err = s.Sweeping.Orphans(ctx, limit); return err })
	return found, err
}

// Forget implements [attach.Sweeping].
func (s FaultySweeping) Forget(ctx context.Context, objects []object.Key) error {
	return s.do(func() error { return s.Sweeping.Forget(ctx, objects) })
}

// FaultyBucket is a bucket whose calls fail by plan.
type FaultyBucket struct {
	object.Bucket
	*Faults
}

// PutFile implements [object.Bucket].
func (b FaultyBucket) PutFile(ctx context.Context, key object.Key, r io.ReaderAt, size int64) error {
	return b.do(func() error { return b.Bucket.PutFile(ctx, key, r, size) })
}

// Get implements [object.Bucket].
func (b FaultyBucket) Get(ctx context.Context, key object.Key, offset, length int64) (r io.ReadCloser, err error) {
	err = b.do(func() error { r, err = b.Bucket.Get(ctx, key, offset, length); return err })
	if err != nil && r != nil {
		_ = r.Close() // it came, and the answer was lost
		r = nil
	}
	return r, err
}

// Delete implements [object.Bucket].
func (b FaultyBucket) Delete(ctx context.Context, key object.Key) error {
	return b.do(func() error { return b.Bucket.Delete(ctx, key) })
}
