package recording_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/internal/testenv/bubble"
	"parley/recording"
	"parley/recording/recordingtest"
)

// kill ends a node after some steps: from then on every call to store, bucket and disk fails. The one at which it ends
// may have taken effect.
type kill struct {
	mu    sync.Mutex
	left  int
	after bool // the last step takes effect
	died  bool
}

func newKill(steps int) *kill { return &kill{left: steps / 2, after: steps%2 == 1} }

func (k *kill) dead() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.died
}

// step says how the next call ends.
func (k *kill) step() recordingtest.Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.died:
		return recordingtest.Fails
	case k.left > 0:
		k.left--
		return recordingtest.None
	}
	k.died = true
	if k.after {
		return recordingtest.FailsButPersisted
	}
	return recordingtest.Fails
}

// alive lets reading pass as long as the node lives.
func (k *kill) alive() error {
	if k.dead() {
		return errKilled
	}
	return nil
}

// config makes a node of the studio die with k.
func (k *kill) config(s *studio, node string) func(*recording.Config) {
	s.bucket.Fault = func(recordingtest.Key) recordingtest.Fault { return k.step() }
	s.bucket.Before = func(ctx context.Context, c recordingtest.Call, _ recordingtest.Key) error {
		if c == recordingtest.Delete && k.step() == recordingtest.Fails {
			return errKilled
		}
		if c != recordingtest.Put {
			return k.alive()
		}
		return nil
	}
	return func(c *recording.Config) {
		adopting(node)(c)
		c.Store = killedStore{s.store, k}
		recording.WithDisk(c, killedDisk{lazy{recording.RealDisk}, k})
	}
}

// revive gives the studio a recorder again for which everything works.
func (s *studio) revive(node string) {
	s.bucket.Fault, s.bucket.Before = nil, nil
	s.again(adopting(node))
}

// untilKilled runs the recorder until it is killed, or until the condition holds.
func (s *studio) untilKilled(t *testing.T, k *kill, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for range 200 {
		synctest.Wait()
		if k.dead() || done() {
			break
		}
		bubble.Pass(500 * time.Millisecond)
	}
	cancel()
	<-ended
}

type killedStore struct {
	recording.Store
	k *kill
}

func (s killedStore) write(f func() error) error {
	fault := s.k.step()
	if fault == recordingtest.Fails {
		return errKilled
	}
	if err := f(); err != nil || fault == recordingtest.None {
		return err
	}
	return errKilled
}

func (s killedStore) Save(ctx context.Context, r recording.Row) error {
	return s.write(func() error { return s.Store.Save(ctx, r) })
}

func (s killedStore) Adopt(ctx context.Context, id recording.ID, node string, epoch uint64) error {
	return s.write(func() error { return s.Store.Adopt(ctx, id, node, epoch) })
}

func (s killedStore) Get(ctx context.Context, id recording.ID) (recording.Row, error) {
	if err := s.k.alive(); err != nil {
		return recording.Row{}, err
	}
	return s.Store.Get(ctx, id)
}

func (s killedStore) Pending(ctx context.Context, node string) ([]recording.Row, error) {
	if err := s.k.alive(); err != nil {
		return nil, err
	}
	return s.Store.Pending(ctx, node)
}

// killedDisk fails like the budget, by the same steps as store and bucket.
type killedDisk struct {
	recording.Disk
	k *kill
}

type killedFile struct {
	recording.File
	k *kill
}

func (d killedDisk) open(open func() (recording.File, error)) (recording.File, error) {
	if d.k.step() != recordingtest.None {
		return nil, errKilled
	}
	f, err := open()
	if err != nil {
		return nil, err
	}
	return killedFile{f, d.k}, nil
}

func (d killedDisk) Create(path string) (recording.File, error) {
	return d.open(func() (recording.File, error) { return d.Disk.Create(path) })
}

func (d killedDisk) Open(path string) (recording.File, error) {
	return d.open(func() (recording.File, error) { return d.Disk.Open(path) })
}

func (d killedDisk) SyncDir(dir string) error {
	if d.k.step() == recordingtest.Fails {
		return errKilled
	}
	return d.Disk.SyncDir(dir)
}

func (f killedFile) WriteAt(b []byte, off int64) (int, error) {
	switch f.k.step() {
	case recordingtest.None:
		return f.File.WriteAt(b, off)
	case recordingtest.FailsButPersisted:
		n, _ := f.File.WriteAt(b, off)
		return n, errKilled
	}
	n, _ := f.File.WriteAt(b[:len(b)/2], off) // torn
	return n, errKilled
}

func (f killedFile) Sync() error {
	if f.k.step() != recordingtest.None {
		return errKilled
	}
	return f.File.Sync()
}

func (f killedFile) Truncate(n int64) error {
	if f.k.step() == recordingtest.Fails {
		return errKilled
	}
	return f.File.Truncate(n)
}
