package recording

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"parley/internal/policy"
	"parley/storage/keys"
)

// brokenSuffix marks the folder of a recording that can't be sealed. It is kept for a person to look at.
const brokenSuffix = ".failed"

// Recover seals what a kill left open on this disk, by the code that Stop runs: journals are cut to their last whole
// block, the manifest takes in what it lacks, a gap says that there was a crash, and the end says "recovered" (E7).
// Being killed within it does no harm: it goes on from where it was. Uploading is Run's. It returns after all were
// tried, with the errors of those that will be tried again by Run.
func (r *Recorder) Recover(ctx context.Context) error {
	if err := os.MkdirAll(r.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	found, err := os.ReadDir(r.cfg.Dir)
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	errs := []error{r.tidy(found)}
	for _, e := range found {
		if strings.HasPrefix(e.Name(), spoolPrefix) { // a kill between making a spool and taking its name
			errs = append(errs, os.RemoveAll(filepath.Join(r.cfg.Dir, e.Name())))
		}
		if id := ID(e.Name()); e.IsDir() && id.valid() && r.running(id) == nil {
			errs = append(errs, r.recover(ctx, id))
		}
	}
	return errors.Join(append(errs, r.markLost(ctx))...)
}

// tidy removes, once, what a kill left half made.
func (r *Recorder) tidy(found []os.DirEntry) error {
	r.mu.Lock()
	tidied := r.tidied
	r.tidied = true
	r.mu.Unlock()
	var errs []error
	for _, e := range found {
		if !tidied && (strings.HasPrefix(e.Name(), adoptPrefix) || strings.HasPrefix(e.Name(), partsSpare)) {
			errs = append(errs, os.RemoveAll(filepath.Join(r.cfg.Dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// markLost marks as failed the recordings that should be on this disk and are not, and of which there is no key: they
// never began. Where there is a key, there may be parts, and Run finds out.
func (r *Recorder) markLost(ctx context.Context) error {
	rows, err := r.cfg.Store.Pending(ctx, r.cfg.Node)
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	var errs []error
	for _, row := range rows {
		if r.running(row.ID) != nil {
			continue
		}
		if r.hasFolder(row.ID) || row.State != StateRecording {
			continue
		}
		if _, err := r.cfg.Vault.Open(ctx, manifestKey(row.ID)); erased(err) {
			errs = append(errs, r.saveFailed(ctx, row))
		}
	}
	return errors.Join(errs...)
}

func (r *Recorder) folder(id ID) string { return filepath.Join(r.cfg.Dir, string(id)) }

// recover seals one folder, unless it is another node's by now or was adopted by this one, which is Run's to finish.
func (r *Recorder) recover(ctx context.Context, id ID) error {
	start, err := r.folderStart(id)
	if err != nil {
		return fmt.Errorf("recover recording %s: %w", id, err)
	}
	row, err := r.cfg.Store.Get(ctx, id)
	switch {
	case errors.Is(err, policy.ErrNotFound):
	case err != nil: // it may be sealed, and its files on their way out
		return fmt.Errorf("recover recording %s: %w", id, err)
	case row.Epoch > start.Epoch:
		return r.yield(ctx, row, start.Epoch)
	case row.Stored:
		return r.removeFolder(id)
	case row.Node != r.cfg.Node:
		return r.rename(ctx, row)
	case sealedState(row.State) || start.Epoch > 1:
		return nil
	}
	return r.finish(ctx, id)
}

// rename gives a recording whose owner's folder is here the name that this node has.
func (r *Recorder) rename(ctx context.Context, row Row) error {
	row.Node = r.cfg.Node
	if err := r.cfg.Store.Save(ctx, row); err != nil {
		return fmt.Errorf("take over recording %s: %w", row.ID, err)
	}
	r.poke()
	return nil
}

// finish seals one folder.
func (r *Recorder) finish(ctx context.Context, id ID) error {
	c, f, err := r.reopen(ctx, id)
	if errors.Is(err, errUnrecorded) || errors.Is(err, errDamaged) || errors.Is(err, keys.ErrDestroyed) {
		return r.setAside(ctx, id, err)
	}
	if err != nil {
		return fmt.Errorf("recover recording %s: %w", id, err)
	}
	defer f.Close()
	if err := r.seal(ctx, c); err != nil {
		return fmt.Errorf("recover recording %s: %w", id, err)
	}
	r.cfg.Log.WarnContext(ctx, "recording sealed after a crash", "recording", id, "length", c.length.String(), "end", string(c.reason))
	return nil
}

func sealedState(s State) bool { return s == StateSealed || s == StateRecovered }

// setAside gives up on a folder: it is renamed, never deleted, and the recording marked failed.
func (r *Recorder) setAside(ctx context.Context, id ID, why error) error {
	r.cfg.Log.ErrorContext(ctx, "recording can't be sealed", "recording", id, "err", why)
	if err := os.Rename(r.folder(id), r.folder(id)+brokenSuffix); err != nil {
		return fmt.Errorf("set recording %s aside: %w", id, err)
	}
	return errors.Join(r.cfg.disk.SyncDir(r.cfg.Dir), r.markFailed(ctx, id))
}

func (r *Recorder) markFailed(ctx context.Context, id ID) error {
	row, err := r.own(ctx, id)
	if errors.Is(err, policy.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mark recording failed: %w", err)
	}
	return r.saveFailed(ctx, row)
}

func (r *Recorder) saveFailed(ctx context.Context, row Row) error {
	row.State = StateFailed
	if row.Ended.IsZero() {
		row.Ended = row.Started
	}
	if err := r.cfg.Store.Save(ctx, row); err != nil {
		return fmt.Errorf("mark recording failed: %w", err)
	}
	return nil
}

// errUnrecorded says that a folder was left by a Start which did not return: there is no first entry, so no media.
var errUnrecorded = errors.New("recording: nothing was recorded")

// reopen reads a folder back into what Stop would have had in memory. The caller closes the manifest's file.
func (r *Recorder) reopen(ctx context.Context, id ID) (*closing, file, error) {
	c := &closing{dir: r.folder(id), reason: Recovered}
	start, err := r.folderStart(id)
	if err != nil {
		return nil, nil, err
	}
	if c.epoch = start.Epoch; start.Adopted {
		c.reason = Adopted
	}
	if c.key, err = r.cfg.Vault.Open(ctx, manifestKey(id)); err != nil {
		return nil, nil, fmt.Errorf("open recording key: %w", err)
	}
	f, entries, err := r.openManifest(c, id)
	if err != nil {
		return nil, nil, err
	}
	if err := r.replay(ctx, c, id, entries); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return c, f, nil
}

func (r *Recorder) openManifest(c *closing, id ID) (file, []parsed, error) {
	path := filepath.Join(c.dir, manifestFile)
	in, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, errUnrecorded
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open manifest: %w", err)
	}
	defer in.Close()
	fields, err := newFieldSealer(c.key, id)
	if err != nil {
		return nil, nil, err
	}
	f, err := r.cfg.disk.Open(path)
	if err != nil {
		return nil, nil, err
	}
	var entries []parsed
	if c.ledger, entries, err = loadLedger(f, in, fields); err == nil && len(entries) == 0 {
		err = errUnrecorded
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, entries, nil
}

// replay takes in the manifest's entries, then the journals' tails.
func (r *Recorder) replay(ctx context.Context, c *closing, id ID, entries []parsed) error {
	h := history{journals: map[ParticipantID]*known{}, fields: c.ledger.fields}
	for _, e := range entries {
		if err := h.add(e.Entry); err != nil {
			return fmt.Errorf("%w: entry %d: %w", errDamaged, e.Seq, err)
		}
	}
	if err := r.rowOf(ctx, c, id, h.start); err != nil {
		return err
	}
	c.ended = h.end != nil
	for _, p := range c.meta.People {
		j, err := r.tail(ctx, c, id, p.ID, &h)
		if err != nil {
			return fmt.Errorf("read journal %s: %w", p.ID, err)
		}
		c.journals = append(c.journals, j)
		c.length = max(c.length, j.sum.Last)
	}
	if h.end != nil {
		c.reason, c.length = h.end.Reason, time.Duration(h.end.DurationMS)*time.Millisecond
		c.meta.Why = h.ending.Why
	}
	return nil
}

// rowOf gives the recording's row, or makes it again from the first entry.
func (r *Recorder) rowOf(ctx context.Context, c *closing, id ID, start startDetails) error {
	row, err := r.cfg.Store.Get(ctx, id)
	switch {
	case errors.Is(err, policy.ErrNotFound):
		row = Row{ID: id, Interview: start.Interview, State: StateRecording, Started: start.Started}
	case err != nil:
		return fmt.Errorf("read row: %w", err)
	case row.Epoch > c.epoch:
		return ErrFenced
	case c.reason == Adopted:
		if err := r.signedBefore(ctx, c, row); err != nil {
			return err
		}
	}
	row.Node, row.Epoch = r.cfg.Node, c.epoch
	c.row, c.meta.startDetails = row, start
	return nil
}

// signedBefore finds the head that the owner before signed; if all of that is here it stays, else its loss is told.
func (r *Recorder) signedBefore(ctx context.Context, c *closing, row Row) error {
	d, err := r.openRow(ctx, row)
	if err == nil && d.Head != nil {
		c.lost = &LostHead{Head: d.Head.Head, Entries: d.Head.Entries}
	}
	return err
}
