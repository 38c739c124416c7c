package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"time"

	"parley/storage/object"
)

// adoptPrefix begins the name of a folder that is being put together.
const adoptPrefix = ".adopt-"

// readTries is how often a part is read that does not hold what its hashes say, before it counts as lost.
const readTries = 3

// nothingLeft is why a recording failed whose node died before anything of it had left that node.
const nothingLeft = "its node is gone, and nothing had left it"

// rebuild puts the folder of an adopted recording together from what the bucket has, under the row's epoch. It gives the
// state in which the row is left: recording when it has yet to be sealed, failed when there was nothing.
//
// The folder gets its name when it is whole and durable; a kill before leaves what is removed and made again.
func (r *Recorder) rebuild(ctx context.Context, row Row) (State, error) {
	if err := r.checkRoom(0); err != nil {
		return "", err
	}
	k, err := r.cfg.Vault.Open(ctx, manifestKey(row.ID))
	if erased(err) {
		return StateFailed, r.saveFailed(ctx, row)
	}
	if err != nil {
		return "", fmt.Errorf("open recording key: %w", err)
	}
	d, err := r.openRow(ctx, row)
	if err != nil {
		return "", err
	}
	parts, err := newPartSealer(k, row.ID)
	if err != nil {
		return "", err
	}
	b := &rebuilding{r: r, id: row.ID, parts: parts, dir: filepath.Join(r.cfg.Dir, adoptPrefix+string(row.ID)),
		sizes: map[string]int64{}}
	if err := b.fetch(ctx, row.Epoch, d); err != nil {
		return "", errors.Join(err, os.RemoveAll(b.dir))
	}
	if b.sizes[manifestFile] == 0 {
		d.Why, row.State, row.Ended = nothingLeft, StateFailed, row.Started
		return StateFailed, errors.Join(r.saveRow(ctx, k, row, d), os.RemoveAll(b.dir))
	}
	if sealedState(row.State) && !b.holds(d) {
		row.State, row.Ended = StateRecording, time.Time{}
		d.Objects = nil
		if err := r.saveRow(ctx, k, row, d); err != nil {
			return "", err
		}
	}
	return row.State, b.settle(row.Epoch)
}

// rebuilding is one folder being put together.
type rebuilding struct {
	r     *Recorder
	id    ID
	parts *partSealer
	dir   string
	base  []partBase       // the parts that are in it
	sizes map[string]int64 // of the files so far
	sent  map[string]int64 // of them in parts
	begun map[string]bool  // files of which the epoch being fetched has brought something
}

// fetch brings what there is.
func (b *rebuilding) fetch(ctx context.Context, epoch uint64, d details) error {
	if err := errors.Join(os.RemoveAll(b.dir), os.Mkdir(b.dir, 0o700)); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for e := epoch - 1; e > 0 && b.base == nil; e-- {
		if err := b.fetchFrom(ctx, e); err != nil {
			return err
		}
	}
	b.sent = maps.Clone(b.sizes)
	for _, p := range d.People {
		if err := b.longer(ctx, journalFile(p.ID), d); err != nil {
			return err
		}
	}
	for _, name := range []string{manifestFile, headFile} {
		if err := b.longer(ctx, name, d); err != nil {
			return err
		}
	}
	return b.trim()
}

// fetchFrom fetches the parts of the newest epoch that has any, after those that it says it is built on.
func (b *rebuilding) fetchFrom(ctx context.Context, epoch uint64) error {
	h, err := b.peek(ctx, epoch)
	if err != nil || h == nil {
		return err
	}
	for _, base := range h.Base {
		if n, err := b.run(ctx, base.Epoch, base.Parts); err != nil || n < base.Parts {
			return errors.Join(err, fmt.Errorf("fetch part %d of epoch %d: %w", n, base.Epoch, errPart))
		}
		b.base = append(b.base, base)
	}
	n, err := b.run(ctx, epoch, 1<<62)
	if n > 0 {
		b.base = append(b.base, partBase{Epoch: epoch, Parts: n})
	}
	return err
}

// peek reads the header of an epoch's first part, nil if there is none.
func (b *rebuilding) peek(ctx context.Context, epoch uint64) (*partHeader, error) {
	ctx, cancel := context.WithTimeout(ctx, uploadTime)
	defer cancel()
	in, err := b.r.cfg.Bucket.Get(ctx, b.parts.key(epoch, 0), 0, -1)
	if errors.Is(err, object.ErrNotFound) {
		return nil, nil
	}
	var h partHeader
	if err = fetchError(err); err == nil {
		defer in.Close()
		h, err = b.parts.readHead(in, epoch, 0)
	}
	if errors.Is(err, errPart) {
		b.r.cfg.Log.ErrorContext(ctx, "part can't be read", "recording", b.id, "number", 0, "err", err)
		return nil, nil
	}
	return &h, err
}

// fetchError is why a part could not be had; one that the store says is damaged is malformed.
func fetchError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, object.ErrDamaged):
		return fmt.Errorf("%w: %w", errPart, err)
	}
	return fmt.Errorf("fetch part: %w", err)
}

// run fetches an epoch's parts, at most so many, and says how many there were. What is after a hole, or after a part
// that does not hold what it says, is lost.
func (b *rebuilding) run(ctx context.Context, epoch, most uint64) (uint64, error) {
	b.begun = map[string]bool{}
	for n := range most {
		err := b.part(ctx, epoch, n)
		for try := 1; errors.Is(err, errPart) && try < readTries; try++ {
			err = b.part(ctx, epoch, n)
		}
		switch {
		case errors.Is(err, object.ErrNotFound):
			return n, nil
		case errors.Is(err, errPart):
			b.r.cfg.Log.ErrorContext(ctx, "part can't be read", "recording", b.id, "number", n, "err", err)
			return n, nil
		case err != nil:
			return n, err
		}
	}
	return most, nil
}

// part fetches one part and writes what it brings. A part that does not fit leaves the files as they were.
//
// What an epoch first brings of a file may begin before the file's end: its owner had cut off what was torn.
func (b *rebuilding) part(ctx context.Context, epoch, n uint64) error {
	ctx, cancel := context.WithTimeout(ctx, uploadTime+time.Duration(mostPart/uploadRate)*time.Second)
	defer cancel()
	in, err := b.r.cfg.Bucket.Get(ctx, b.parts.key(epoch, n), 0, -1)
	if err != nil {
		return fetchError(err)
	}
	defer in.Close()
	var bodies [][]byte
	h, err := b.parts.read(in, epoch, n, func(p partRange, body []byte) error {
		if at := b.sizes[p.File]; p.Offset > at || p.Offset < at && b.begun[p.File] {
			return fmt.Errorf("%w: %s goes on at %d, it has %d bytes", errPart, p.File, p.Offset, at)
		}
		bodies = append(bodies, body)
		return nil
	})
	if err != nil {
		return err
	}
	for i, p := range h.Ranges {
		if err := b.write(p.File, p.Offset, bodies[i]); err != nil {
			return err
		}
		b.sizes[p.File], b.begun[p.File] = p.Offset+p.Length, true
	}
	return nil
}

func (b *rebuilding) write(name string, at int64, body []byte) error {
	f, err := os.OpenFile(filepath.Join(b.dir, name), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write part: %w", err)
	}
	_, err = f.WriteAt(body, at)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write part: %w", err)
	}
	return nil
}

// longer takes a file's final objects when more of it is in them than in the parts: the node died while it uploaded.
func (b *rebuilding) longer(ctx context.Context, name string, d details) error {
	var have []storedObject
	size := int64(0)
	for _, o := range d.objects(name) {
		err := b.r.confirmed(ctx, o)
		if errors.Is(err, object.ErrNotFound) || errors.Is(err, errUnconfirmed) {
			break
		}
		if err != nil {
			return fmt.Errorf("find object: %w", err)
		}
		have, size = append(have, o), o.Offset+o.Size
	}
	if size <= b.sizes[name] {
		return nil
	}
	in := &inOrder{ctx: ctx, bucket: b.r.cfg.Bucket, rest: have}
	if err := in.next(); err != nil {
		return fmt.Errorf("fetch object: %w", err)
	}
	defer in.Close()
	f, err := os.Create(filepath.Join(b.dir, name))
	if err != nil {
		return fmt.Errorf("fetch object: %w", err)
	}
	n, err := io.Copy(f, in)
	if err = errors.Join(err, f.Close()); err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("fetch object: %w", err)
	}
	b.sizes[name] = size
	return nil
}

// trim cuts every file to its size, and journals to what an ended manifest says of them, and makes all durable.
func (b *rebuilding) trim() error {
	end, err := b.end()
	if err != nil && !errors.Is(err, errDamaged) { // which is found, and set aside, when it is to be sealed
		return err
	}
	for _, j := range end.Journals {
		name := journalFile(j.Participant)
		b.sizes[name] = min(b.sizes[name], j.Size)
	}
	for name, size := range b.sizes {
		if err := b.r.cutFile(filepath.Join(b.dir, name), size); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return b.r.cfg.disk.SyncDir(b.dir)
}

// end is the manifest's last entry if it is an end.
func (b *rebuilding) end() (end EndBody, err error) {
	if b.sizes[manifestFile] == 0 {
		return end, nil
	}
	entries, err := b.manifest()
	if n := len(entries); err == nil && n > 0 {
		b.sizes[manifestFile] = entries[n-1].offset + entries[n-1].length
		if entries[n-1].Kind == EntryEnd {
			end, err = decodeBody[EndBody](entries[n-1].Entry)
		}
	}
	return end, err
}

func (b *rebuilding) manifest() ([]parsed, error) {
	f, err := os.Open(filepath.Join(b.dir, manifestFile))
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer f.Close()
	return wholeEntries(io.NewSectionReader(f, 0, b.sizes[manifestFile]))
}

// holds says whether all that the row's head was signed for is there.
func (b *rebuilding) holds(d details) bool {
	entries, err := b.manifest()
	if err != nil || d.Head == nil || uint64(len(entries)) != d.Head.Entries ||
		entries[len(entries)-1].hash.String() != d.Head.Head {
		return false
	}
	head, err := encodeHead(*d.Head)
	if err != nil || b.sizes[headFile] == 0 && b.write(headFile, 0, head) != nil {
		return false
	}
	b.sizes[headFile] = int64(len(head))
	return b.r.cutFile(filepath.Join(b.dir, headFile), int64(len(head))) == nil
}

// settle gives the folder its name, after the log from which its parts go on.
func (b *rebuilding) settle(epoch uint64) error {
	for name, n := range b.sent {
		b.sent[name] = min(n, b.sizes[name])
	}
	b.r.forget(b.id)
	_, err := b.r.newPartLog(b.id, partsStart{Epoch: epoch, Base: b.base, Sizes: b.sent, Adopted: true})
	if err == nil {
		err = b.r.cfg.disk.SyncDir(b.r.cfg.Dir)
	}
	if err == nil {
		err = os.Rename(b.dir, b.r.folder(b.id))
	}
	if err != nil {
		return fmt.Errorf("settle adopted recording: %w", err)
	}
	return b.r.cfg.disk.SyncDir(b.r.cfg.Dir)
}
