package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"parley/internal/chain"
)

// The manifest's room on disk is kept ahead like the journals', so that a full disk can still end it.
const manifestAhead = 256 << 10

// ledger appends to one manifest file. Any goroutine may call it.
//
// Each append is durable on return. A crash within one leaves a torn last line, which recovery cuts off: whatever it
// was about to commit to is still in the journals.
type ledger struct {
	fields *fieldSealer

	mu       sync.Mutex
	f        file
	off      int64
	reserved int64
	next     uint64
	head     chain.Hash
	err      error // of a write that failed: nothing is appended after it
}

func newLedger(f file, fields *fieldSealer) (*ledger, error) {
	l := &ledger{f: f, fields: fields}
	if err := l.room(0); err != nil {
		return nil, err
	}
	return l, nil
}

// append adds one entry. body gets the entry's number, for sealing fields under it.
func (l *ledger) append(k EntryKind, at time.Time, body func(seq uint64) (any, error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	line, err := l.encode(k, at, body)
	if err != nil {
		return fmt.Errorf("append %s entry: %w", k, err)
	}
	if err := l.put(append(line, '\n')); err != nil {
		l.err = fmt.Errorf("append %s entry: %w", k, err)
		return l.err
	}
	l.head, l.next, l.off = entryHash(l.head, line), l.next+1, l.off+int64(len(line))+1
	return nil
}

func (l *ledger) encode(k EntryKind, at time.Time, body func(uint64) (any, error)) ([]byte, error) {
	b, err := body(l.next)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	line, err := json.Marshal(Entry{Seq: l.next, Prev: l.head, Time: at.UTC(), Kind: k, Body: raw})
	if err == nil && len(line) > maxEntry {
		err = fmt.Errorf("%w: entry of %d bytes", errManifest, len(line))
	}
	return line, err
}

func (l *ledger) put(line []byte) error {
	if err := l.room(int64(len(line))); err != nil {
		return err
	}
	if _, err := l.f.WriteAt(line, l.off); err != nil {
		return err
	}
	return l.f.Sync()
}

// room keeps space reserved ahead and fails only when what is left is not enough for n more bytes.
func (l *ledger) room(n int64) error {
	if l.reserved-l.off-n > manifestAhead/2 {
		return nil
	}
	err := l.f.Reserve(l.off + n + manifestAhead)
	if err == nil {
		l.reserved = l.off + n + manifestAhead
		return nil
	}
	if l.reserved-l.off >= n && l.reserved > 0 {
		return nil
	}
	return fmt.Errorf("reserve manifest: %w", err)
}

// state is the number of entries and the hash of the last.
func (l *ledger) state() (uint64, chain.Hash) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next, l.head
}

// durable is how far the file is on disk for good.
func (l *ledger) durable() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.off
}

func (l *ledger) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.f.Truncate(l.off), l.f.Close())
}

// loadLedger reads the whole entries of a manifest whose chain holds, and gives a ledger that goes on after them;
// what follows the last of them is a torn append and is cut off by the next one.
func loadLedger(f file, r io.Reader, fields *fieldSealer) (*ledger, []parsed, error) {
	entries, err := wholeEntries(r)
	if err != nil {
		return nil, nil, err
	}
	l := &ledger{f: f, fields: fields}
	for _, e := range entries {
		l.off, l.next, l.head = e.offset+e.length, e.Seq+1, e.hash
	}
	if err := f.Truncate(l.off); err != nil {
		return nil, nil, fmt.Errorf("cut manifest: %w", err)
	}
	return l, entries, nil
}

// errDamaged says that a manifest is broken where no crash breaks one: before its last line.
var errDamaged = errors.New("recording: manifest is damaged before its last entry")

// wholeEntries reads the entries of a manifest that was being written. Only its last line may be torn, because each
// append is durable before the next begins; anything else is damage, and nothing of it is to be cut off.
func wholeEntries(r io.Reader) ([]parsed, error) {
	var entries []parsed
	var head chain.Hash
	bad := false
	err := readManifest(r, func(line []byte, offset int64, whole bool) error {
		if bad {
			return errDamaged
		}
		e, err := parseEntry(line)
		if !whole || err != nil || e.Seq != uint64(len(entries)) || e.Prev != head {
			bad = true
			return nil
		}
		head = entryHash(head, line)
		entries = append(entries, parsed{Entry: e, offset: offset, length: int64(len(line)) + 1, hash: head})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return entries, nil
}
