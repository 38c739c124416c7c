package attach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"parley/storage/object"
)

// stretch is how many blocks are fetched together: a slow reader holds no connection to the store.
const stretch = 16

// Content is what is stored of an attachment, for one request. It is read by one goroutine. Close it when done.
type Content struct {
	Media string
	Name  string
	Save  bool // to be kept on a device
	Size  int64

	reader
}

// reader opens the blocks of an object as they are asked for.
type reader struct {
	*sealer
	ctx    context.Context // of the request
	bucket object.Bucket
	key    object.Key
	at     int64

	plain []byte // what was fetched last
	from  int64  // where it begins
	raw   []byte
}

// Close ends the reading.
func (r *reader) Close() error { return nil }

// Seek implements [io.Seeker].
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, errors.New("attach: seek before the beginning")
	}
	r.at = offset
	return offset, nil
}

// Read implements [io.Reader].
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadAt(p[:min(len(p), stretch*blockSize)], r.at)
	r.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// ReadAt implements [io.ReaderAt], for one goroutine.
func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) && off+int64(n) < r.size {
		at := off + int64(n)
		if at < r.from || at >= r.from+int64(len(r.plain)) {
			if err := r.fetch(at / blockSize); err != nil {
				return n, err
			}
		}
		n += copy(p[n:], r.plain[at-r.from:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// fetch gets some blocks, the first by its index.
func (r *reader) fetch(block int64) error {
	from := block * sealedSize
	length := min(stretch*sealedSize, sealedLength(r.size)-from)
	if r.raw == nil {
		r.raw, r.plain = make([]byte, 0, length), make([]byte, 0, min(stretch*blockSize, r.size))
	}
	if int64(cap(r.raw)) < length {
		r.raw = make([]byte, 0, length)
	}
	raw := r.raw[:length]
	if err := get(r.ctx, r.bucket, r.key, from, raw); err != nil {
		return err
	}
	plain, err := r.open(r.plain[:0], raw, block)
	if r.from, r.plain = block*blockSize, plain; err != nil {
		return fmt.Errorf("object %s: %w", r.key, err)
	}
	return nil
}

// get fills b from an object.
func get(ctx context.Context, bucket object.Bucket, key object.Key, from int64, b []byte) error {
	body, err := bucket.Get(ctx, key, from, int64(len(b)))
	if err != nil {
		return fmt.Errorf("get object: %w", err)
	}
	_, err = io.ReadFull(body, b)
	if err = errors.Join(err, body.Close()); err != nil {
		return fmt.Errorf("get object %s: %w", key, err)
	}
	return nil
}

// parts is what has come of an upload, as one file. It holds the last two parts that were looked at, in plain text, and is read by
// one goroutine at a time.
type parts struct {
	ctx    context.Context // of the request
	bucket object.Bucket
	open   func(Part) (*sealer, error)
	all    []Part
	held   [2]heldPart // the last used first
	raw    []byte
}

type heldPart struct {
	Part
	plain []byte
}

// ReadAt implements [io.ReaderAt].
func (p *parts) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	for n < len(b) {
		at := off + int64(n)
		i := p.find(at)
		if i < 0 {
			return n, io.EOF
		}
		plain, err := p.load(p.all[i])
		if err != nil {
			return n, err
		}
		n += copy(b[n:], plain[at-p.all[i].Start:])
	}
	return n, nil
}

func (p *parts) find(at int64) int {
	for i, part := range p.all {
		if at >= part.Start && at < part.Start+part.Size {
			return i
		}
	}
	return -1
}

func (p *parts) load(part Part) ([]byte, error) {
	if p.held[0].Object != part.Object {
		p.held[0], p.held[1] = p.held[1], p.held[0]
	}
	if p.held[0].Object == part.Object {
		return p.held[0].plain, nil
	}
	s, err := p.open(part)
	if err != nil {
		return nil, err
	}
	plain := p.held[0].plain[:0]
	p.held[0] = heldPart{plain: plain} // nothing to trust until it is read
	if length := sealedLength(part.Size); int64(cap(p.raw)) < length {
		p.raw = make([]byte, length)
	}
	raw := p.raw[:sealedLength(part.Size)]
	if err := get(p.ctx, p.bucket, part.Object, 0, raw); err != nil {
		return nil, err
	}
	if plain, err = s.open(slices.Grow(plain, int(part.Size)), raw, 0); err != nil {
		return nil, fmt.Errorf("part at %d: %w", part.Start, err)
	}
	p.held[0] = heldPart{part, plain}
	return plain, nil
}
