package strip

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"sort"
	"time"
)

// Why there is no plan for a file, besides errors of reading it.
var (
	// ErrDamaged says that the file is cut short or contradicts itself.
	ErrDamaged = errors.New("strip: the file is damaged or cut short")
	// ErrUnsupported says that the file is whole, and of a kind that is not taken apart.
	ErrUnsupported = errors.New("strip: the file is of a kind that is not supported")
)

// Facts are what a file says of itself. What it says is not proven.
type Facts struct {
	// Width and Height are as shown, of the first moving picture; of a still one after its Orientation was heeded.
	Width, Height int
	Duration      time.Duration // 0: it does not say
	Video, Audio  bool          // tracks of a film
	Orientation   int           // of a still picture, 1 to 8 as in EXIF
	Frames        int           // of a still picture; more than one: it moves
	Scans         int           // of a JPEG
	Progressive   bool          // JPEG
	Deep          bool          // PNG: 16 bits a sample
}

// Plan says what stays of one file.
type Plan struct {
	Facts
	spans []span
	size  int64
}

// Size is how long what stays is.
func (p Plan) Size() int64 { return p.size }

// span is a piece of what stays: n bytes at an offset of the view, from the file, from memory, or zeros.
type span struct {
	at, n int64
	from  int64  // offset in the file, or none
	lit   []byte // nil and from none: zeros
}

const none = -1

// maxSpans bounds a plan: files of people have some dozens, hostile ones one for every few bytes.
const maxSpans = 1 << 16

// cutter puts a plan together from the front.
type cutter struct {
	spans []span
	made  int64 // how long the view is so far
}

func (c *cutter) add(s span) {
	if s.n == 0 {
		return
	}
	s.at = c.made
	c.made += s.n
	if last := len(c.spans) - 1; last >= 0 && s.from != none && c.spans[last].from != none && c.spans[last].from+c.spans[last].n == s.from {
		c.spans[last].n += s.n
		return
	}
	if len(c.spans) <= maxSpans { // one beyond tells that it was too much
		c.spans = append(c.spans, s)
	}
}

func (c *cutter) keep(from, n int64) { c.add(span{from: from, n: n}) }
func (c *cutter) write(b []byte)     { c.add(span{from: none, n: int64(len(b)), lit: b}) }
func (c *cutter) zero(n int64)       { c.add(span{from: none, n: n}) }

func (c *cutter) plan(f Facts) (Plan, error) {
	if len(c.spans) > maxSpans {
		return Plan{}, ErrDamaged
	}
	return Plan{Facts: f, spans: c.spans, size: c.made}, nil
}

// patch overwrites n bytes of a file with lit, or with zeros.
type patch struct {
	at, n int64
	lit   []byte
}

// patched is the plan of a file of which nothing moves.
func patched(size int64, all []patch, f Facts) (Plan, error) {
	slices.SortFunc(all, func(a, b patch) int { return cmp.Compare(a.at, b.at) })
	var c cutter
	for _, p := range all {
		if p.at < c.made && p.lit == nil { // zeros over zeros
			over := min(c.made-p.at, p.n)
			p.at, p.n = p.at+over, p.n-over
		}
		if p.at < c.made && p.n > 0 || p.at+p.n > size {
			return Plan{}, ErrDamaged
		}
		if p.n == 0 {
			continue
		}
		c.keep(c.made, p.at-c.made)
		if p.lit != nil {
			c.write(p.lit)
		} else {
			c.zero(p.n)
		}
	}
	c.keep(c.made, size-c.made)
	return c.plan(f)
}

// View is a file as its plan has it. Any goroutine may read it, if that is so for the file.
type View struct {
	plan Plan
	src  io.ReaderAt
}

// Of is what stays of the file that the plan was made of.
func (p Plan) Of(src io.ReaderAt) *View { return &View{p, src} }

// Size is how long it is.
func (v *View) Size() int64 { return v.plan.size }

// ReadAt implements [io.ReaderAt].
func (v *View) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("strip: negative offset")
	}
	spans := v.plan.spans
	i := sort.Search(len(spans), func(i int) bool { return spans[i].at+spans[i].n > off })
	n := 0
	for ; n < len(b) && i < len(spans); i++ {
		got, err := v.read(spans[i], b[n:], off+int64(n)-spans[i].at)
		n += got
		if err != nil {
			return n, err
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// read reads what there is of one span from an offset within.
func (v *View) read(s span, b []byte, within int64) (int, error) {
	b = b[:min(int64(len(b)), s.n-within)]
	switch {
	case s.lit != nil:
		return copy(b, s.lit[within:]), nil
	case s.from == none:
		clear(b)
		return len(b), nil
	}
	n, err := v.src.ReadAt(b, s.from+within)
	if n == len(b) {
		return n, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // it has become shorter than when the plan was made
	}
	return n, err
}
