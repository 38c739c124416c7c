package recording

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"parley/internal/chain"
	"parley/storage/keys"
	"parley/storage/object"
)

// uploads brings the sealed recordings of this node to the bucket, some at a time. One that hangs takes a slot until
// its time is over and holds up nothing else; parts of what runs have slots of their own.
type uploads struct {
	r     *Recorder
	slots chan struct{}
	wg    sync.WaitGroup
}

// begin starts the uploads that are due and not under way.
func (u *uploads) begin(ctx context.Context) error {
	rows, err := u.r.cfg.Store.Pending(ctx, u.r.cfg.Node)
	if err != nil {
		return fmt.Errorf("find uploads: %w", err)
	}
	due := 0
	for _, row := range rows {
		if !sealedState(row.State) || u.r.running(row.ID) != nil || !u.r.hasFolder(row.ID) {
			continue
		}
		due++
		if u.r.take(row.ID) {
			u.wg.Go(func() {
				defer u.r.release(row.ID)
				u.run(ctx, row.ID)
			})
		}
	}
	u.r.m.backlog.Set(float64(due))
	return nil
}

func (u *uploads) run(ctx context.Context, id ID) {
	u.r.shipRest(ctx, id)
	select {
	case u.slots <- struct{}{}:
		defer func() { <-u.slots }()
	case <-ctx.Done():
		return
	}
	switch err := u.r.upload(ctx, id); {
	case err == nil:
		u.r.m.backlog.Dec()
	case ctx.Err() == nil:
		u.r.cfg.Log.ErrorContext(ctx, "recording waits to be uploaded", "recording", id, "err", err)
	}
}

// take keeps others from working on a recording that does not run; release lets them again.
func (r *Recorder) take(id ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[id] {
		return false
	}
	r.busy[id] = true
	return true
}

func (r *Recorder) release(id ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.busy, id)
}

// upload stores one recording's files, has the bucket confirm each, marks the row, and only then removes them here.
// The objects' random keys are durable before the first byte is sent, so that a repeated upload meets its own objects.
// Journals go before the manifest, and the head last: whoever finds some of them knows of no bytes that are not there.
//
// A crash after the mark leaves files, and parts, that are removed later.
func (r *Recorder) upload(ctx context.Context, id ID) error {
	row, d, err := r.uploadable(ctx, id)
	if err != nil || row.Stored {
		return err
	}
	for _, o := range d.Objects {
		if err := r.put(ctx, r.folder(id), o); err != nil {
			return fmt.Errorf("upload %s: %w", o.File, err)
		}
	}
	row.Stored = true
	if err := r.saveDetails(ctx, row, d); err != nil {
		return err
	}
	return r.removeStored(ctx, row.ID)
}

// uploadable gives the row with its objects named.
func (r *Recorder) uploadable(ctx context.Context, id ID) (Row, details, error) {
	row, err := r.own(ctx, id)
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
	if d.Objects, err = r.describe(r.folder(id), bundleFiles(d)); err != nil {
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
	var names []string
	for _, p := range d.People {
		names = append(names, journalFile(p.ID))
	}
	names = append(names, manifestFile, headFile)
	if d.Late != nil {
		for _, p := range d.People {
			if _, ok := d.Late.Until[p.ID]; ok {
				names = append(names, lateJournalFile(p.ID))
			}
		}
		names = append(names, lateFile)
	}
	return names
}

// describe gives each file random keys, with size and hash: one, or as many as its length asks for.
func (r *Recorder) describe(dir string, names []string) ([]storedObject, error) {
	var list []storedObject
	for _, name := range names {
		i, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("describe file: %w", err)
		}
		for at := int64(0); at < i.Size() || at == 0; at += r.cfg.MaxObject {
			run := section{name, at, min(i.Size()-at, r.cfg.MaxObject)}
			sum, err := hashSection(dir, run)
			if err != nil {
				return nil, err
			}
			list = append(list, storedObject{File: name, Key: randomKey(), Offset: at, Size: run.length, SHA256: sum})
		}
	}
	return list, nil
}

func randomKey() object.Key {
	var random [20]byte
	rand.Read(random[:])
	return object.Key("recording/" + hex.EncodeToString(random[:]))
}

// errUnconfirmed says that the bucket holds something else than what was sent.
var errUnconfirmed = errors.New("recording: bucket does not confirm the object")

// put stores one object, unless the bucket has it, and has the bucket confirm its hash.
func (r *Recorder) put(ctx context.Context, dir string, o storedObject) error {
	if r.confirmed(ctx, o) == nil {
		return nil
	}
	f, err := openSections(dir, []section{{o.File, o.Offset, o.Size}})
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

// removeStored removes what is not needed any more of a recording that the bucket has: its files here, its parts there.
func (r *Recorder) removeStored(ctx context.Context, id ID) error {
	if err := r.removeFolder(id); err != nil {
		return err
	}
	if err := r.removeParts(ctx, id); err != nil {
		r.cfg.Log.WarnContext(ctx, "parts wait to be deleted", "recording", id, "err", err)
	}
	return nil
}

// removeParts deletes the parts of a stored recording, then forgets them. A store that keeps them until their lock ends is
// as good.
func (r *Recorder) removeParts(ctx context.Context, id ID) error {
	if _, err := os.Stat(r.partsFile(id)); errors.Is(err, os.ErrNotExist) {
		r.forget(id)
		return nil
	}
	switch err := r.deleteParts(ctx, id); {
	case errors.Is(err, object.ErrLocked), errors.Is(err, errPartLog), erased(err):
		r.cfg.Log.DebugContext(ctx, "parts stay until they expire", "recording", id, "err", err)
	case err != nil:
		return err
	}
	r.forget(id)
	if err := os.Remove(r.partsFile(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove part log of %s: %w", id, err)
	}
	return nil
}

func (r *Recorder) deleteParts(ctx context.Context, id ID) error {
	k, err := r.cfg.Vault.Open(ctx, manifestKey(id))
	if err != nil {
		return fmt.Errorf("open recording key: %w", err)
	}
	s, err := r.shipment(id, k)
	if err != nil {
		return err
	}
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	s.stored()
	if err := s.open(); err != nil {
		return err
	}
	for _, b := range s.log.bases() {
		for n := range b.Parts {
			if err := r.deletePart(ctx, s.parts.key(b.Epoch, n)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Recorder) deletePart(ctx context.Context, key object.Key) error {
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	if err := r.cfg.Bucket.Delete(ctx, key); err != nil {
		return fmt.Errorf("delete part: %w", err)
	}
	return nil
}

// tidyParts deletes the parts of recordings that were stored when a kill came.
func (u *uploads) tidyParts(ctx context.Context) error {
	found, err := filepath.Glob(filepath.Join(u.r.cfg.Dir, "*"+partsSuffix))
	if err != nil {
		return fmt.Errorf("find part logs: %w", err)
	}
	for _, path := range found {
		id := ID(strings.TrimSuffix(filepath.Base(path), partsSuffix))
		if !id.valid() || u.r.hasFolder(id) {
			continue
		}
		row, err := u.r.cfg.Store.Get(ctx, id)
		if err == nil && row.Stored && u.r.take(id) {
			u.wg.Go(func() {
				defer u.r.release(id)
				if err := u.r.removeParts(ctx, id); err != nil && ctx.Err() == nil {
					u.r.cfg.Log.WarnContext(ctx, "parts wait to be deleted", "recording", id, "err", err)
				}
			})
		}
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

// hasFolder says whether the recording's files are on this disk.
func (r *Recorder) hasFolder(id ID) bool {
	_, err := os.Stat(r.folder(id))
	return !errors.Is(err, os.ErrNotExist)
}
