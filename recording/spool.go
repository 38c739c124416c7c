package recording

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"parley/storage/keys"
)

const (
	spoolChunk  = 64 << 10
	spoolPrefix = ".derived-"
)

// spool is a temporary file that is never in clear on disk: chunks of 64 KiB, each sealed once under a key that is
// only in memory. It has no name in the folder once it is open, so a kill leaves nothing.
//
// One goroutine writes it, then finish makes it readable by any number. The first chunk stays in memory until then,
// so that a header can be completed.
type spool struct {
	f     *os.File
	aead  cipher.AEAD
	first []byte
	open  []byte // the chunk being filled, when it is not the first
	size  int64
	done  bool
}

func newSpool(dir string) (*spool, error) {
	var k keys.Key
	rand.Read(k[:])
	aead, err := newAEAD(k, nil, "parley spool v1")
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, spoolPrefix)
	if err != nil {
		return nil, fmt.Errorf("make spool: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("make spool: %w", err), f.Close())
	}
	return &spool{f: f, aead: aead}, nil
}

// Write implements io.Writer.
func (s *spool) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		chunk := &s.first
		if s.size >= spoolChunk {
			chunk = &s.open
		}
		k := min(len(p), spoolChunk-len(*chunk))
		*chunk, p, s.size = append(*chunk, p[:k]...), p[k:], s.size+int64(k)
		if len(s.open) == spoolChunk {
			if err := s.seal(s.size/spoolChunk-1, s.open); err != nil {
				return 0, err
			}
			s.open = s.open[:0]
		}
	}
	return n, nil
}

// WriteAt implements io.WriterAt over what was written of the first 64 KiB.
func (s *spool) WriteAt(p []byte, off int64) (int, error) {
	if s.done || off < 0 || off+int64(len(p)) > int64(len(s.first)) {
		return 0, errors.New("recording: spool takes corrections in its first chunk only")
	}
	return copy(s.first[off:], p), nil
}

func (s *spool) nonce(chunk int64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 4, 12), uint64(chunk))
}

func (s *spool) seal(chunk int64, plain []byte) error {
	b := s.aead.Seal(nil, s.nonce(chunk), plain, nil)
	if _, err := s.f.WriteAt(b, chunk*(spoolChunk+tagSize)); err != nil {
		return fmt.Errorf("write spool: %w", err)
	}
	return nil
}

// finish ends writing.
func (s *spool) finish() error {
	s.done = true
	err := s.seal(0, s.first)
	if len(s.open) > 0 {
		err = errors.Join(err, s.seal(s.size/spoolChunk, s.open))
	}
	s.first, s.open = nil, nil
	return err
}

// chunk reads one chunk into buf.
func (s *spool) chunk(i int64, buf []byte) ([]byte, error) {
	n := min(s.size-i*spoolChunk, spoolChunk) + tagSize
	b := buf[:n]
	if _, err := s.f.ReadAt(b, i*(spoolChunk+tagSize)); err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	plain, err := s.aead.Open(b[:0], s.nonce(i), b, nil)
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", ErrSealed)
	}
	return plain, nil
}

// Derived is a playable file. One goroutine uses it, and closes it.
type Derived struct {
	s       *spool
	pos     int64
	at      int64 // the chunk in plain; -1: none
	plain   []byte
	buf     []byte
	release func()
}

func newDerived(s *spool, release func()) *Derived {
	return &Derived{s: s, at: -1, buf: make([]byte, spoolChunk+tagSize), release: release}
}

// Size is the file's length in bytes.
func (d *Derived) Size() int64 { return d.s.size }

// Read implements io.Reader.
func (d *Derived) Read(p []byte) (int, error) {
	if d.pos >= d.s.size {
		return 0, io.EOF
	}
	if i := d.pos / spoolChunk; i != d.at {
		plain, err := d.s.chunk(i, d.buf)
		if err != nil {
			return 0, err
		}
		d.plain, d.at = plain, i
	}
	n := copy(p, d.plain[d.pos%spoolChunk:])
	d.pos += int64(n)
	return n, nil
}

// Seek implements io.Seeker.
func (d *Derived) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += d.pos
	case io.SeekEnd:
		offset += d.s.size
	}
	if offset < 0 {
		return 0, errors.New("recording: seek before the start")
	}
	d.pos = offset
	return offset, nil
}

// Close gives the file back. A second call does nothing.
func (d *Derived) Close() error {
	if d.release != nil {
		d.release()
		d.release = nil
	}
	return nil
}
