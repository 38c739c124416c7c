package recording

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// partsSuffix names the file beside a recording's folder that says which parts were made of it.
const partsSuffix = ".parts"

func (r *Recorder) partsFile(id ID) string { return r.folder(id) + partsSuffix }

// partsStart is the first line of a part log: under which epoch the folder is, what was in the bucket before, and how
// far each file was there.
type partsStart struct {
	Epoch uint64           `json:"epoch"`
	Base  []partBase       `json:"base,omitempty"`
	Sizes map[string]int64 `json:"sizes,omitempty"`
	// Adopted says that the folder was put together from the bucket.
	Adopted bool `json:"adopted,omitempty"`
}

// partLog keeps the header of every part on disk, durable before the part is put, so that a part whose outcome is not
// known is put again with the same bytes, also by another process of this node. One goroutine uses it.
//
// A header is only added when the part before is known to be in the bucket. A crash leaves at most one torn line, whose
// part was never put.
type partLog struct {
	f     file
	off   int64
	start partsStart
	last  []byte // header of the last part, nil when there is none
	next  uint64
	sent  map[string]int64 // how far the parts so far bring each file
}

// errPartLog says that a part log is broken where no crash breaks one.
var errPartLog = errors.New("recording: part log is damaged")

// openPartLog opens the log of a recording, or makes one of epoch 1.
func (r *Recorder) openPartLog(id ID) (*partLog, error) {
	b, err := os.ReadFile(r.partsFile(id))
	if errors.Is(err, os.ErrNotExist) {
		if b, err = r.newPartLog(id, partsStart{Epoch: 1}); err == nil {
			err = r.cfg.disk.SyncDir(r.cfg.Dir)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open part log: %w", err)
	}
	l := &partLog{sent: map[string]int64{}}
	if err := l.load(b); err != nil {
		return nil, err
	}
	if l.f, err = r.cfg.disk.Open(r.partsFile(id)); err != nil {
		return nil, fmt.Errorf("open part log: %w", err)
	}
	return l, nil
}

// newPartLog writes a log's first line under its name, whole or not at all, and gives it back. The name is durable when
// the folder is synced.
func (r *Recorder) newPartLog(id ID, s partsStart) ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode part log: %w", err)
	}
	b = append(b, '\n')
	spare := filepath.Join(r.cfg.Dir, partsSpare+string(id))
	if err := os.Remove(spare); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	f, err := r.cfg.disk.Create(spare)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteAt(b, 0)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	return b, os.Rename(spare, r.partsFile(id))
}

// partsSpare begins the name of a part log that is being made.
const partsSpare = ".parts-"

// load takes in the whole lines; what follows the last of them is overwritten by the next.
func (l *partLog) load(b []byte) error {
	line, rest, whole := bytes.Cut(b, []byte("\n"))
	if !whole || json.Unmarshal(line, &l.start) != nil || l.start.Epoch == 0 {
		return fmt.Errorf("%w: its first line", errPartLog)
	}
	for name, n := range l.start.Sizes {
		l.sent[name] = n
	}
	for l.off = int64(len(line)) + 1; len(rest) > 0; l.off += int64(len(line)) + 1 {
		if line, rest, whole = bytes.Cut(rest, []byte("\n")); !whole {
			return nil
		}
		h, err := parsePartHeader(line, l.start.Epoch, l.next)
		if again, _ := json.Marshal(h); err == nil && !bytes.Equal(again, line) {
			err = fmt.Errorf("%w: not as it is written", errPart)
		}
		if err != nil && bytes.IndexByte(rest, '\n') < 0 {
			return nil // the last line
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errPartLog, err)
		}
		l.take(h, line)
	}
	return nil
}

func (l *partLog) take(h partHeader, line []byte) {
	l.last, l.next = line, h.Number+1
	for _, r := range h.Ranges {
		l.sent[r.File] = r.Offset + r.Length
	}
}

// append makes a header durable; nothing of its part may be sent before. An error leaves the log as it was.
func (l *partLog) append(h partHeader) error {
	line, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("append to part log: %w", err)
	}
	if len(line) > maxPartHeader/2 {
		return fmt.Errorf("append to part log: %w: header of %d bytes", errPart, len(line))
	}
	if err := l.f.Truncate(l.off); err != nil {
		return fmt.Errorf("append to part log: %w", err)
	}
	if _, err := l.f.WriteAt(append(line, '\n'), l.off); err != nil {
		return fmt.Errorf("append to part log: %w", err)
	}
	if err := l.f.Sync(); err != nil {
		return fmt.Errorf("append to part log: %w", err)
	}
	l.off += int64(len(line)) + 1
	l.take(h, line)
	return nil
}

// header is that of the last part.
func (l *partLog) header() (h partHeader) {
	_ = json.Unmarshal(l.last, &h) // it was parsed, or made, before
	return h
}

// bases are what whoever adopts this recording next builds on: the parts before this epoch, then those of it.
func (l *partLog) bases() []partBase {
	if l.next == 0 {
		return l.start.Base
	}
	return append(append([]partBase(nil), l.start.Base...), partBase{Epoch: l.start.Epoch, Parts: l.next})
}

// folderStart says under which epoch a folder on this disk was written, and how it came here.
func (r *Recorder) folderStart(id ID) (partsStart, error) {
	f, err := os.Open(r.partsFile(id))
	if errors.Is(err, os.ErrNotExist) {
		return partsStart{Epoch: 1}, nil
	}
	if err != nil {
		return partsStart{}, fmt.Errorf("read part log: %w", err)
	}
	defer f.Close()
	line, err := readLine(bufio.NewReader(f))
	if err != nil && !errors.Is(err, io.EOF) {
		return partsStart{}, fmt.Errorf("read part log: %w", err)
	}
	l := partLog{sent: map[string]int64{}}
	err = l.load(append(line, '\n'))
	return l.start, err
}
