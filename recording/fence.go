package recording

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"parley/internal/policy"
)

// fenceTime is how long a writer waits to hear whether the recording is still its own; no answer means that it is.
const fenceTime = 2 * time.Second

// unfenced gives the row as it is, or as given when there is none. [ErrFenced] says that its epoch is newer.
func (r *Recorder) unfenced(ctx context.Context, row Row) (Row, error) {
	now, err := r.cfg.Store.Get(ctx, row.ID)
	switch {
	case errors.Is(err, policy.ErrNotFound):
		return row, nil
	case err != nil:
		return row, fmt.Errorf("read row: %w", err)
	case now.Epoch > row.Epoch:
		return row, ErrFenced
	}
	return now, nil
}

// own gives the row of a recording whose folder is here and is the owner's.
func (r *Recorder) own(ctx context.Context, id ID) (Row, error) {
	start, err := r.folderStart(id)
	if err != nil {
		return Row{}, err
	}
	row, err := r.cfg.Store.Get(ctx, id)
	if err == nil && row.Epoch > start.Epoch {
		err = ErrFenced
	}
	return row, err
}

// checkFence says whether another node has adopted the recording. If so its sinks fail and its writers end; its folder
// stays for its tail to be handed over. A store that does not answer changes nothing: media goes on.
func (rec *Recording) checkFence(ctx context.Context) bool {
	if rec.fenced.Load() {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, fenceTime)
	defer cancel()
	if _, err := rec.r.unfenced(ctx, rec.row); !errors.Is(err, ErrFenced) {
		return false
	}
	if !rec.fenced.Swap(true) {
		rec.r.cfg.Log.ErrorContext(ctx, "recording was adopted by another node", "recording", rec.id)
		rec.fail(ErrFenced)
	}
	return true
}

// lateSuffix ends the name of a folder whose recording another node has adopted; before it stands its epoch.
const lateSuffix = ".late"

func (r *Recorder) lateFolder(id ID, epoch uint64) string {
	return r.folder(id) + "." + strconv.FormatUint(epoch, 10) + lateSuffix
}

// yield deals with a folder whose recording has another owner by now. If that one found nothing and gave up, what is
// here is taken back; else the folder is kept for its tail.
func (r *Recorder) yield(ctx context.Context, row Row, epoch uint64) error {
	if row.State == StateFailed {
		return r.takeBack(ctx, row)
	}
	r.forget(row.ID)
	if err := os.Rename(r.folder(row.ID), r.lateFolder(row.ID, epoch)); err != nil {
		return fmt.Errorf("yield recording %s: %w", row.ID, err)
	}
	if err := os.Remove(r.partsFile(row.ID)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("yield recording %s: %w", row.ID, err)
	}
	r.cfg.Log.WarnContext(ctx, "another node adopted the recording meanwhile", "recording", row.ID)
	return r.cfg.disk.SyncDir(r.cfg.Dir)
}

// takeBack makes this node the owner of a recording again that nobody else could read. Its parts begin anew under the
// new epoch. A crash leaves the row failed, and it is taken back again.
func (r *Recorder) takeBack(ctx context.Context, row Row) error {
	if err := r.cfg.Store.Adopt(ctx, row.ID, r.cfg.Node, row.Epoch); err != nil {
		return fmt.Errorf("take recording %s back: %w", row.ID, err)
	}
	row.Node, row.Epoch, row.State = r.cfg.Node, row.Epoch+1, StateRecording
	r.forget(row.ID)
	_, err := r.newPartLog(row.ID, partsStart{Epoch: row.Epoch})
	if err = errors.Join(err, r.cfg.disk.SyncDir(r.cfg.Dir)); err != nil {
		return fmt.Errorf("take recording %s back: %w", row.ID, err)
	}
	row.Ended = time.Time{}
	if err := r.cfg.Store.Save(ctx, row); err != nil {
		return fmt.Errorf("take recording %s back: %w", row.ID, err)
	}
	return nil
}
