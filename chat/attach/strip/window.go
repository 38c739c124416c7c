package strip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// windowSize is how much of a file is looked at together. No parser looks at more in one piece.
const windowSize = 64 << 10

// window looks at a file through one buffer.
type window struct {
	src  io.ReaderAt
	size int64
	buf  []byte
	at   int64
}

func newWindow(src io.ReaderAt, size int64) window { return window{src: src, size: size} }

// peek is n bytes at an offset, at most windowSize, good until the next look; ErrDamaged beyond the end.
func (w *window) peek(off int64, n int) ([]byte, error) {
	if off < 0 || n < 0 || n > windowSize || off > w.size-int64(n) {
		return nil, ErrDamaged
	}
	if off < w.at || off+int64(n) > w.at+int64(len(w.buf)) {
		if err := w.fill(off); err != nil {
			return nil, err
		}
	}
	b := w.buf[off-w.at:]
	return b[:n:n], nil
}

// rest is some bytes at an offset, one at least.
func (w *window) rest(off int64) ([]byte, error) {
	if _, err := w.peek(off, 1); err != nil {
		return nil, err
	}
	return w.buf[off-w.at:], nil
}

func (w *window) fill(off int64) error {
	if w.buf == nil {
		w.buf = make([]byte, 0, windowSize)
	}
	b := w.buf[:min(windowSize, w.size-off)]
	n, err := w.src.ReadAt(b, off)
	if n < len(b) {
		w.buf = b[:0]
		if err == nil || errors.Is(err, io.EOF) {
			return ErrDamaged
		}
		return fmt.Errorf("read the file: %w", err)
	}
	w.buf, w.at = b, off
	return nil
}

func (w *window) u8(off int64) (uint8, error) {
	b, err := w.peek(off, 1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (w *window) u16(off int64) (uint16, error) {
	b, err := w.peek(off, 2)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint16(b), nil
}

func (w *window) u32(off int64) (uint32, error) {
	b, err := w.peek(off, 4)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b), nil
}

func (w *window) u64(off int64) (uint64, error) {
	b, err := w.peek(off, 8)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

// text is n bytes as a string, which outlives the next look.
func (w *window) text(off int64, n int) (string, error) {
	b, err := w.peek(off, n)
	return string(b), err
}
