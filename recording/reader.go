package recording

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"parley/storage/keys"
)

// JournalReader reads the records of one journal. It never panics on any input, and holds at most one block.
type JournalReader struct {
	r      *bufio.Reader
	cipher *blockCipher
	buf    []byte
	rest   []byte // records of the block that are still to come
	final  bool
	offset int64 // end of the last whole block
	err    error
}

// NewJournalReader reads the journal's header. It returns [ErrFormat] for what is no journal and [ErrTorn] for one
// that ends within its header.
func NewJournalReader(r io.Reader, k keys.Key, id ID, p ParticipantID) (*JournalReader, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	var h header
	if _, err := io.ReadFull(br, h[:]); err != nil {
		return nil, torn(err)
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	c, err := newBlockCipher(k, id, p, h)
	if err != nil {
		return nil, err
	}
	return &JournalReader{r: br, cipher: c, offset: int64(headerSize)}, nil
}

// Next returns the next record; its payload is valid until the call after. The end is io.EOF after the final block,
// [ErrTorn] when there is none (a recovered journal ends so), [ErrSealed] or [ErrFormat] when the bytes were changed.
// The same error is returned ever after.
func (j *JournalReader) Next() (Record, error) {
	if j.err != nil {
		return Record{}, j.err
	}
	for len(j.rest) == 0 {
		if j.rest, j.err = j.block(); j.err != nil {
			return Record{}, j.err
		}
	}
	var r Record
	if r, j.rest, j.err = nextRecord(j.rest); j.err != nil {
		return Record{}, j.err
	}
	return r, nil
}

// Offset is the end of the last whole block that was read.
func (j *JournalReader) Offset() int64 { return j.offset }

// Blocks is how many blocks were read, counted from the start of the file.
func (j *JournalReader) Blocks() uint64 { return j.cipher.counter }

func (j *JournalReader) block() ([]byte, error) {
	var head [blockHead]byte
	if _, err := io.ReadFull(j.r, head[:]); err != nil {
		if j.final && errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, torn(err)
	}
	if j.final {
		return nil, fmt.Errorf("%w: bytes after the final block", ErrFormat)
	}
	n, err := blockLength(head[:])
	if err != nil {
		return nil, err
	}
	if cap(j.buf) < n {
		j.buf = make([]byte, n)
	}
	if _, err := io.ReadFull(j.r, j.buf[:n]); err != nil {
		return nil, torn(err)
	}
	plain, err := j.cipher.open(head[:], j.buf[:n])
	if err != nil {
		return nil, err
	}
	j.final, j.offset = head[4]&flagFinal != 0, j.offset+int64(blockHead+n)
	return plain, nil
}

// torn turns an early end into ErrTorn and keeps other errors of the reader.
func torn(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTorn
	}
	return fmt.Errorf("read journal: %w", err)
}

// resumeJournal reads on after a segment; the zero segment means from the start.
func resumeJournal(in io.ReadSeeker, k keys.Key, id ID, p ParticipantID, after Segment) (*JournalReader, error) {
	j, err := NewJournalReader(in, k, id, p)
	if err != nil || after.Length == 0 {
		return j, err
	}
	var tag [tagSize]byte
	if _, err := in.Seek(after.end()-tagSize, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	if _, err := io.ReadFull(in, tag[:]); err != nil {
		return nil, torn(err)
	}
	j.cipher.resume(after.Blocks, tag[:])
	j.r.Reset(in)
	j.offset = after.end()
	return j, nil
}
