package recording

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"parley/internal/chain"
	"parley/storage/keys"
	"parley/storage/object"
)

// Times and widths of background work.
const (
	retryEvery    = 30 * time.Second
	uploadsAtOnce = 4
	uploadTime    = time.Minute // and as long as its bytes take at uploadRate
	uploadRate    = 1 << 20     // bytes a second
	shutdownTime  = 20 * time.Second
)

// Run uploads sealed recordings and tries again what failed, until ctx ends; then it seals the recordings that still
// run and returns. One upload that fails or hangs does not hold up others.
func (r *Recorder) Run(ctx context.Context) error {
	t := time.NewTicker(retryEvery)
	defer t.Stop()
	defer r.derived.clear()
	u := &uploads{r: r, slots: make(chan struct{}, uploadsAtOnce), busy: map[ID]bool{}}
	defer u.wg.Wait()
	for {
		r.sweep(ctx, u)
		select {
		case <-ctx.Done():
			return r.shutdown(ctx)
		case <-r.wake:
		case <-t.C:
		}
	}
}

// sweep does what is due: seal what could not be sealed, upload what is not stored.
func (r *Recorder) sweep(ctx context.Context, u *uploads) {
	if ctx.Err() != nil {
		return
	}
	r.derived.tidy()
	if err := r.Recover(ctx); err != nil && ctx.Err() == nil {
		r.cfg.Log.ErrorContext(ctx, "recordings wait to be sealed", "err", err)
	}
	if err := u.begin(ctx); err != nil && ctx.Err() == nil {
		r.cfg.Log.ErrorContext(ctx, "recordings wait to be uploaded", "err", err)
	}
}

// shutdown seals what still runs, within a bounded time.
func (r *Recorder) shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	r.mu.Lock()
	r.closing = true
	live := make([]*Recording, 0, len(r.live))
	for _, rec := range r.live {
		live = append(live, rec)
	}
	r.mu.Unlock()
	var g errgroup.Group
	for _, rec := range live {
		g.Go(func() error {
			_, err := rec.Stop(ctx, "shutdown")
			return err
		})
	}
	return g.Wait()
}

// uploads brings the sealed recordings of this node to the bucket, some at a time. One that hangs takes a slot until
// its time is over and holds up nothing else.
type uploads struct {
	r     *Recorder
	slots chan struct{}
	wg    sync.WaitGroup

	mu   sync.Mutex
	busy map[ID]bool
}

// begin starts the uploads that are due and not under way.
func (u *uploads) begin(ctx context.Context) error {
	rows, err := u.r.cfg.Store.Pending(ctx, u.r.cfg.Node)
	if err != nil {
		return fmt.Errorf("find uploads: %w", err)
	}
	due := 0
	for _, row := range rows {
		if !sealedState(row.State) || u.r.running(row.ID) != nil {
			continue
		}
		due++
		if u.take(row.ID) {
			u.wg.Go(func() { u.run(ctx, row) })
		}
	}
	u.r.m.backlog.Set(float64(due))
	return nil
}

func (u *uploads) take(id ID) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.busy[id] {
		return false
	}
	u.busy[id] = true
	return true
}

func (u *uploads) run(ctx context.Context, row Row) {
	defer func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.busy, row.ID)
	}()
	select {
	case u.slots <- struct{}{}:
		defer func() { <-u.slots }()
	case <-ctx.Done():
		return
	}
	switch err := u.r.upload(ctx, row.ID); {
	case err == nil:
		u.r.m.backlog.Dec()
	case ctx.Err() == nil:
		u.r.cfg.Log.ErrorContext(ctx, "recording waits to be uploaded", "recording", row.ID, "err", err)
	}
}

// upload stores one recording's files, has the bucket confirm each, marks the row, and only then removes them here.
// The objects' random keys are durable before the first byte is sent, so that a repeated upload meets its own objects.
//
// A crash after the mark leaves files that Recover removes.
func (r *Recorder) upload(ctx context.Context, id ID) error {
	row, d, err := r.uploadable(ctx, id)
	if err != nil || row.Stored {
		return err
	}
	for _, o := range d.Objects {
		if err := r.put(ctx, row.ID, o); err != nil {
			return fmt.Errorf("upload %s: %w", o.File, err)
		}
	}
	row.Stored = true
	if err := r.saveDetails(ctx, row, d); err != nil {
		return err
	}
	return r.removeFolder(row.ID)
}

// uploadable gives the row with its objects named.
func (r *Recorder) uploadable(ctx context.Context, id ID) (Row, details, error) {
	row, err := r.cfg.Store.Get(ctx, id)
	if err != nil || row.Stored {
		return row, details{}, err
	}
	d, err := r.openRow(ctx, row)
	if errors.Is(err, keys.ErrDestroyed) {
		return row, d, errors.Join(err, r.setAside(ctx, id, err))
	}
	if err != nil || len(d.Objects) > 0 {
		return row, d, err
	}
	if d.Objects, err = r.describeFiles(id, d); err != nil {
		return row, d, err
	}
	return row, d, r.saveDetails(ctx, row, d)
}

func (r *Recorder) saveDetails(ctx context.Context, row Row, d details) error {
	k, err := r.cfg.Vault.Open(ctx, manifestKey(row.ID))
	if err != nil {
		return fmt.Errorf("open recording key: %w", err)
	}
	return r.saveRow(ctx, k, row, d)
}

// bundleFiles are the names of a sealed recording's files.
func bundleFiles(d details) []string {
	names := []string{manifestFile, headFile}
	for _, p := range d.People {
		names = append(names, journalFile(p.ID))
	}
	return names
}

// describeFiles gives each file a random key, with its size and hash.
func (r *Recorder) describeFiles(id ID, d details) ([]storedObject, error) {
	var list []storedObject
	for _, name := range bundleFiles(d) {
		size, sum, err := hashFile(filepath.Join(r.folder(id), name))
		if err != nil {
			return nil, err
		}
		var random [20]byte
		rand.Read(random[:])
		list = append(list, storedObject{File: name, Key: object.Key("recording/" + hex.EncodeToString(random[:])),
			Size: size, SHA256: sum})
	}
	return list, nil
}

func hashFile(path string) (int64, chain.Hash, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, chain.Hash{}, fmt.Errorf("hash file: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return 0, chain.Hash{}, fmt.Errorf("hash file: %w", err)
	}
	return n, chain.Hash(h.Sum(nil)), nil
}

// errUnconfirmed says that the bucket holds something else than what was sent.
var errUnconfirmed = errors.New("recording: bucket does not confirm the object")

// put stores one file, unless the bucket has it, and has the bucket confirm its hash.
func (r *Recorder) put(ctx context.Context, id ID, o storedObject) error {
	if r.confirmed(ctx, o) == nil {
		return nil
	}
	f, err := os.Open(filepath.Join(r.folder(id), o.File))
	if err != nil {
		return err
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(ctx, uploadTime+time.Duration(o.Size/uploadRate)*time.Second)
	defer cancel()
	if err := r.cfg.Bucket.PutFile(ctx, o.Key, f, o.Size); err != nil {
		return err
	}
	return r.confirmed(ctx, o)
}

func (r *Recorder) confirmed(ctx context.Context, o storedObject) error {
	i, err := r.cfg.Bucket.Stat(ctx, o.Key)
	if err != nil {
		return err
	}
	if i.Size != o.Size || chain.Hash(i.SHA256) != o.SHA256 {
		return errUnconfirmed
	}
	return nil
}

// removeFolder removes the files of a recording that the bucket has.
func (r *Recorder) removeFolder(id ID) error {
	if err := os.RemoveAll(r.folder(id)); err != nil {
		return fmt.Errorf("remove recording %s: %w", id, err)
	}
	return r.cfg.disk.SyncDir(r.cfg.Dir)
}
