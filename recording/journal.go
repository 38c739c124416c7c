package recording

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"sync"
	"time"

	"parley/internal/chain"
)

// Sizes and times of the writer.
const (
	segmentBytes = 1 << 20
	segmentTime  = 2 * time.Second
	plainBlock   = 128 << 10 // records of a block, unless one record is longer
	// reserveAhead is how far the room on disk is kept ahead of the writer; when less than reserveLow is left and no
	// more can be had, the journal ends while it still can be closed.
	reserveAhead = 4 << 20
	reserveLow   = 1 << 20
)

// Segment is a run of whole blocks of one journal; the first one begins with the file's header. Hash is SHA-256 over
// its bytes as they are on disk, Chain links it to the segments before it (chain.Next).
type Segment struct {
	Index  uint64     `json:"n"`
	Offset int64      `json:"offset"`
	Length int64      `json:"length"`
	Blocks uint64     `json:"blocks"` // of the file up to the segment's end
	Hash   chain.Hash `json:"hash"`
	Chain  chain.Hash `json:"chain"`
}

// end is the offset of the first byte after the segment.
func (s Segment) end() int64 { return s.Offset + s.Length }

// journal writes one participant's file. One goroutine writes; sync and take may run beside it.
//
// A crash leaves whole blocks and at most one torn one, which recovery cuts off. Segments are handed to the manifest
// only when their bytes are durable, so the manifest never knows more than the file.
type journal struct {
	f        file
	cipher   *blockCipher
	reserved int64
	sealed   []byte
	sum      Summary
	began    time.Duration // when the open segment got its first block
	final    bool          // the file ends in a final block
	digest   hash.Hash

	mu     sync.Mutex
	off    int64 // end of the last whole block
	synced int64
	seg    Segment // the one being filled; Hash and Chain not yet set
	last   chain.Hash
	closed []closedSegment // not yet taken by the manifest
}

// closedSegment is a segment and what the journal holds up to its end.
type closedSegment struct {
	Segment
	state Summary
}

// newJournal writes the header of an empty file.
func newJournal(f file, c *blockCipher, h header) (*journal, error) {
	j := &journal{f: f, cipher: c, digest: sha256.New()}
	if err := j.room(); err != nil {
		return nil, err
	}
	if err := j.put(h[:], 0); err != nil {
		return nil, err
	}
	return j, nil
}

// write seals whole records into blocks at the file's end, at the time now of the recording.
func (j *journal) write(records []byte, now time.Duration) error {
	for len(records) > 0 {
		n, err := batch(records)
		if err != nil {
			return err
		}
		if err := j.block(records[:n], now, false); err != nil {
			return err
		}
		records = records[n:]
	}
	j.cut(now, false)
	return nil
}

// batch counts how many bytes of whole records fit into a block.
func batch(records []byte) (int, error) {
	n := 0
	for n < len(records) {
		_, rest, err := nextRecord(records[n:])
		if err != nil {
			return 0, err
		}
		size := len(records) - n - len(rest)
		if n > 0 && n+size > plainBlock {
			break
		}
		n += size
	}
	return n, nil
}

// block writes one block of whole records. If that fails, the cipher goes back to where the file is; only a final
// block may follow then, whose nonce differs from that of the block which failed.
func (j *journal) block(plain []byte, now time.Duration, final bool) error {
	blocks, tag := j.cipher.state()
	j.sealed = j.cipher.seal(j.sealed[:0], plain, final)
	if err := j.put(j.sealed, 1); err != nil {
		j.cipher.resume(blocks, tag[:])
		return err
	}
	if j.seg.Length == int64(len(j.sealed)) {
		j.began = now
	}
	j.sum.absorb(plain)
	j.cut(now, final)
	return nil
}

// put writes bytes at the end. A failure leaves the end where it was: bytes beyond it don't count.
func (j *journal) put(b []byte, blocks uint64) error {
	if _, err := j.f.WriteAt(b, j.off); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	j.digest.Write(b)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.off += int64(len(b))
	j.seg.Length += int64(len(b))
	j.seg.Blocks += blocks
	return nil
}

// room keeps space reserved ahead; an error means that there is less left than closing may need.
func (j *journal) room() error {
	if j.reserved-j.off > reserveAhead/2 {
		return nil
	}
	err := j.f.Reserve(j.off + reserveAhead)
	if err == nil {
		j.reserved = j.off + reserveAhead
		return nil
	}
	if j.reserved-j.off > reserveLow {
		return nil
	}
	return fmt.Errorf("reserve journal: %w", err)
}

// cut ends the open segment when it is long or old enough, or in any case when told to.
func (j *journal) cut(now time.Duration, always bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.seg.Length == 0 || !always && j.seg.Length < segmentBytes && now-j.began < segmentTime {
		return
	}
	s := j.seg
	j.digest.Sum(s.Hash[:0])
	j.digest.Reset()
	s.Chain = chain.Next(j.last, s.Hash)
	j.last, j.closed = s.Chain, append(j.closed, closedSegment{s, j.sum.clone()})
	j.seg = Segment{Index: s.Index + 1, Offset: s.end(), Blocks: s.Blocks}
}

// finish writes records, then the final block, and ends the last segment.
func (j *journal) finish(records []byte, now time.Duration) error {
	if err := j.write(records, now); err != nil {
		return errors.Join(err, j.seal(nil, now))
	}
	return j.seal(nil, now)
}

// seal ends the journal with one final block that takes the records in; after a failed write nothing else may follow.
// When even that fails, the file ends in its last whole block.
func (j *journal) seal(records []byte, now time.Duration) error {
	last := appendRecord(records, Record{Kind: RecordClosed, At: now})
	err := j.block(last, now, true)
	if err == nil {
		j.final = true
	} else {
		j.cut(now, true)
	}
	return errors.Join(err, j.sync())
}

// sync makes what was written before it durable.
func (j *journal) sync() error {
	j.mu.Lock()
	to, done := j.off, j.synced == j.off
	j.mu.Unlock()
	if done {
		return nil
	}
	if err := j.f.Sync(); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.synced = max(j.synced, to)
	return nil
}

// durable is how far the file is on disk for good; it ends in a whole block there.
func (j *journal) durable() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.synced
}

// take hands over the closed segments that are durable, and the summary up to their end.
func (j *journal) take() (segments []Segment, state Summary) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.closed) > 0 && j.closed[0].end() <= j.synced {
		segments, state = append(segments, j.closed[0].Segment), j.closed[0].state
		j.closed = j.closed[1:]
	}
	return segments, state
}

// close gives back reserved room and closes the file; the bytes up to the end stay.
func (j *journal) close() error {
	j.mu.Lock()
	end := j.off
	j.mu.Unlock()
	return errors.Join(j.f.Truncate(end), j.f.Close())
}
