package recording

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// lateObjects names, in a late folder, the objects of the tail; durable before the first of them is put.
const lateObjects = "late.objects"

// tail is a late folder on its way to the bucket.
type tail struct {
	r     *Recorder
	dir   string
	row   Row
	d     details
	epoch uint64
}

// tails hands in the late folders of this disk whose recordings are stored.
func (u *uploads) tails(ctx context.Context) error {
	found, err := os.ReadDir(u.r.cfg.Dir)
	if err != nil {
		return fmt.Errorf("find late folders: %w", err)
	}
	for _, e := range found {
		id, epoch, ok := lateID(e.Name())
		if !ok || !u.r.take(id) {
			continue
		}
		u.wg.Go(func() {
			defer u.r.release(id)
			if err := u.r.handIn(ctx, id, epoch); err != nil && ctx.Err() == nil {
				u.r.cfg.Log.WarnContext(ctx, "late tail waits", "recording", id, "err", err)
			}
		})
	}
	return nil
}

// handIn brings what a late folder holds beyond the adopted recording, and adds it to the row, for which this node
// becomes the owner. What holds nothing more, or nothing that fits, is removed, or set aside.
//
// A crash leaves the folder, and the same objects are put again.
func (r *Recorder) handIn(ctx context.Context, id ID, epoch uint64) error {
	t := &tail{r: r, dir: r.lateFolder(id, epoch), epoch: epoch}
	var err error
	if t.row, err = r.cfg.Store.Get(ctx, id); err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	if t.row.State == StateFailed && !r.hasFolder(id) { // whoever adopted it found nothing: it is taken back
		return errors.Join(os.Rename(t.dir, r.folder(id)), r.cfg.disk.SyncDir(r.cfg.Dir))
	}
	if !t.row.Stored {
		return nil
	}
	t.d, err = r.openRow(ctx, t.row)
	if erased(err) || err == nil && t.d.Late != nil {
		return t.remove()
	}
	if err != nil {
		return err
	}
	switch h, until, err := t.describe(ctx); {
	case errors.Is(err, errLate):
		r.cfg.Log.ErrorContext(ctx, "late tail does not fit", "recording", id, "err", err)
		return os.Rename(t.dir, t.dir+brokenSuffix)
	case err != nil:
		return err
	case len(h.Journals) == 0:
		return t.remove()
	default:
		return t.bring(ctx, h, until)
	}
}

func (t *tail) remove() error {
	return errors.Join(os.RemoveAll(t.dir), t.r.cfg.disk.SyncDir(t.r.cfg.Dir))
}

// describe finds what is beyond the adopted journals.
func (t *tail) describe(ctx context.Context) (h LateHead, until map[ParticipantID]time.Duration, err error) {
	h = LateHead{Recording: string(t.row.ID), Epoch: t.epoch, Head: t.d.Head.Head, Time: t.r.cfg.Now().UTC()}
	end, err := t.end(ctx)
	if err != nil || end.Reason != Adopted {
		return h, nil, err
	}
	until = map[ParticipantID]time.Duration{}
	for _, j := range end.Journals {
		size, last, err := t.whole(ctx, j.Participant)
		if erased(err) || err == nil && size <= j.Size {
			continue
		}
		if err == nil {
			err = t.fits(j.Participant)
		}
		if err != nil {
			return h, nil, err
		}
		run := section{journalFile(j.Participant), j.Size, size - j.Size}
		sum, err := hashSection(t.dir, run)
		if err != nil {
			return h, nil, err
		}
		h.Journals = append(h.Journals, LateJournal{Participant: j.Participant, Offset: run.offset, Length: run.length, Hash: sum})
		until[j.Participant] = last
	}
	return h, until, nil
}

// end is the adopted manifest's last entry.
func (t *tail) end(ctx context.Context) (end EndBody, err error) {
	in, err := t.r.openFile(ctx, t.row, t.d, manifestFile)
	if err != nil {
		return end, err
	}
	defer in.Close()
	entries, err := wholeEntries(in)
	if n := len(entries); err == nil && n > 0 && entries[n-1].Kind == EntryEnd {
		return decodeBody[EndBody](entries[n-1].Entry)
	}
	return end, errors.Join(err, errManifest)
}

// whole gives the end of a journal's last whole block here, and its last packet.
func (t *tail) whole(ctx context.Context, p ParticipantID) (size int64, last time.Duration, err error) {
	k, err := t.r.cfg.Vault.Open(ctx, journalKey(t.row.ID, p))
	if err != nil {
		return 0, 0, err
	}
	f, err := os.Open(filepath.Join(t.dir, journalFile(p)))
	if errors.Is(err, os.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	jr, err := NewJournalReader(f, k, t.row.ID, p)
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %w", errLate, err)
	}
	j := closedJournal{id: p}
	_, err = j.scan(jr)
	return jr.Offset(), j.sum.Last, err
}

// fits says whether the journal here begins as the adopted one, whose objects' hashes the row has.
func (t *tail) fits(p ParticipantID) error {
	for _, o := range t.d.objects(journalFile(p)) {
		sum, err := hashSection(t.dir, section{o.File, o.Offset, o.Size})
		if errors.Is(err, io.ErrUnexpectedEOF) || err == nil && sum != o.SHA256 {
			return fmt.Errorf("%w: journal of %s", errLate, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bring puts the tail and adds it to the row.
func (t *tail) bring(ctx context.Context, h LateHead, until map[ParticipantID]time.Duration) error {
	objects, err := t.objects(ctx, h)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := t.r.put(ctx, t.dir, o); err != nil {
			return fmt.Errorf("upload %s: %w", o.File, err)
		}
	}
	if err := t.r.cfg.Store.Adopt(ctx, t.row.ID, t.r.cfg.Node, t.row.Epoch); err != nil {
		return fmt.Errorf("own recording: %w", err)
	}
	t.row.Node, t.row.Epoch = t.r.cfg.Node, t.row.Epoch+1
	t.d.Objects = append(t.d.Objects, objects...)
	t.d.Late = &lateDetails{Epoch: t.epoch, Until: until}
	if err := t.r.saveDetails(ctx, t.row, t.d); err != nil {
		return err
	}
	t.r.cfg.Log.WarnContext(ctx, "late tail handed in", "recording", t.row.ID)
	return t.remove()
}

// objects gives the tail's, which are named and described once: a folder of which some were put has the list.
func (t *tail) objects(ctx context.Context, h LateHead) (list []storedObject, err error) {
	b, err := os.ReadFile(filepath.Join(t.dir, lateObjects))
	if err == nil && json.Unmarshal(b, &list) == nil {
		return list, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read list of objects: %w", err)
	}
	if h, err = t.r.signLate(ctx, h); err != nil {
		return nil, err
	}
	if b, err = encodeLate(h); err == nil {
		err = t.write(lateFile, b)
	}
	for _, j := range h.Journals {
		if err == nil {
			err = t.copy(j)
		}
	}
	if err != nil {
		return nil, err
	}
	names := []string{lateFile}
	for _, j := range h.Journals {
		names = append(names, lateJournalFile(j.Participant))
	}
	if list, err = t.r.describe(t.dir, names); err != nil {
		return nil, err
	}
	if b, err = json.Marshal(list); err != nil {
		return nil, fmt.Errorf("encode list of objects: %w", err)
	}
	return list, errors.Join(t.write(lateObjects, b), t.r.cfg.disk.SyncDir(t.dir))
}

// write makes a file of the folder durable.
func (t *tail) write(name string, b []byte) error {
	f, err := os.Create(filepath.Join(t.dir, name))
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// copy makes the tail of a journal a file of its own.
func (t *tail) copy(j LateJournal) error {
	in, err := openSections(t.dir, []section{{journalFile(j.Participant), j.Offset, j.Length}})
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := os.Create(filepath.Join(t.dir, lateJournalFile(j.Participant)))
	if err != nil {
		return fmt.Errorf("copy tail: %w", err)
	}
	_, err = io.Copy(f, io.NewSectionReader(in, 0, in.size))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("copy tail: %w", err)
	}
	return nil
}
