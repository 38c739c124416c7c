package strip

import (
	"encoding/binary"
	"io"
)

// Flags of a VP8X chunk (RFC 9649, 2.7.1).
const (
	webpXMP  = 0x04
	webpEXIF = 0x08
)

type webpFile struct {
	window
	cutter
	facts    Facts
	extended []byte // VP8X as it will be written
	frame    bool   // a picture was there
}

// WebP plans a WebP picture, still or moving. What follows its RIFF does not stay.
func WebP(src io.ReaderAt, size int64) (Plan, error) {
	w := webpFile{window: newWindow(src, size), facts: Facts{Orientation: 1}}
	head, err := w.peek(0, 12)
	if err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WEBP" {
		return Plan{}, orDamaged(err)
	}
	end := 8 + int64(binary.LittleEndian.Uint32(head[4:]))
	if end > size {
		return Plan{}, ErrDamaged
	}
	riff := append([]byte(nil), head...)
	w.write(riff)
	if err := w.chunks(12, end, w.chunk); err != nil {
		return Plan{}, err
	}
	if err := w.complete(); err != nil {
		return Plan{}, err
	}
	binary.LittleEndian.PutUint32(riff[4:], uint32(w.cutter.made-8))
	w.facts.turned()
	return w.cutter.plan(w.facts)
}

// riffChunk is a chunk: its name, where it begins, where its body does, and where that ends.
type riffChunk struct {
	kind          string
	at, body, end int64
}

// chunks calls f for each chunk between two offsets. A body of odd length is followed by a byte that does not count.
func (w *webpFile) chunks(from, to int64, f func(riffChunk) error) error {
	for at := from; at < to; {
		b, err := w.peek(at, 8)
		if err != nil {
			return err
		}
		c := riffChunk{kind: string(b[:4]), at: at, body: at + 8, end: at + 8 + int64(binary.LittleEndian.Uint32(b[4:]))}
		if c.end > to {
			return ErrDamaged
		}
		if err := f(c); err != nil {
			return err
		}
		at = c.end + (c.end-c.body)&1
	}
	return nil
}

func (w *webpFile) whole(c riffChunk) {
	w.keep(c.at, c.end-c.at)
	if (c.end-c.body)&1 == 1 {
		w.write([]byte{0})
	}
}

func (w *webpFile) chunk(c riffChunk) error {
	switch c.kind {
	case "VP8X":
		return w.header(c)
	case "EXIF":
		return w.exif(c)
	case "ANMF":
		return w.animated(c)
	case "VP8 ", "VP8L":
		if w.frame {
			return ErrDamaged
		}
		w.frame = true
		w.facts.Frames++
		if err := w.still(c); err != nil {
			return err
		}
		w.whole(c)
	case "ICCP", "ANIM", "ALPH":
		w.whole(c)
	}
	return nil
}

func (w *webpFile) header(c riffChunk) error {
	b, err := w.peek(c.at, 18)
	if err != nil || c.end-c.body != 10 || w.extended != nil || w.frame {
		return orDamaged(err)
	}
	w.extended = append([]byte(nil), b...)
	w.extended[8] &^= webpXMP | webpEXIF
	w.facts.Width, w.facts.Height = 1+int(uint24(b[12:])), 1+int(uint24(b[15:]))
	w.write(w.extended)
	return nil
}

func uint24(b []byte) uint32 { return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 }

func (w *webpFile) exif(c riffChunk) error {
	b, err := w.peek(c.body, int(min(c.end-c.body, windowSize)))
	if err != nil {
		return err
	}
	if len(b) > 6 && string(b[:6]) == "Exif\x00\x00" { // some writers put it as in JPEG
		b = b[6:]
	}
	w.facts.Orientation = orientation(b)
	return nil
}

// still checks that a picture is as large as the canvas, or without one tells how large it is.
func (w *webpFile) still(c riffChunk) error {
	width, height, err := w.measure(c)
	if err != nil {
		return err
	}
	if w.extended != nil && (width != w.facts.Width || height != w.facts.Height) {
		return ErrDamaged
	}
	w.facts.Width, w.facts.Height = width, height
	return nil
}

// measure reads the size of a frame (RFC 6386, 9.1; RFC 9649, 3.4).
func (w *webpFile) measure(c riffChunk) (width, height int, err error) {
	b, err := w.peek(c.body, int(min(10, c.end-c.body)))
	switch {
	case err != nil:
		return 0, 0, err
	case c.kind == "VP8L" && len(b) >= 5 && b[0] == 0x2f:
		bits := binary.LittleEndian.Uint32(b[1:])
		width, height = 1+int(bits&0x3fff), 1+int(bits>>14&0x3fff)
	case c.kind == "VP8 " && len(b) == 10 && string(b[3:6]) == "\x9d\x01\x2a":
		width, height = int(binary.LittleEndian.Uint16(b[6:])&0x3fff), int(binary.LittleEndian.Uint16(b[8:])&0x3fff)
	}
	if width == 0 || height == 0 {
		return 0, 0, ErrDamaged
	}
	return width, height, nil
}

// animated keeps a frame of an animation without what else was put into it.
func (w *webpFile) animated(c riffChunk) error {
	if w.extended == nil || c.end-c.body < 16 {
		return ErrDamaged
	}
	w.facts.Frames++
	head := make([]byte, 8)
	copy(head, "ANMF")
	w.write(head)
	before := w.cutter.made
	w.keep(c.body, 16)
	err := w.chunks(c.body+16, c.end, func(in riffChunk) error {
		if in.kind == "ALPH" || in.kind == "VP8 " || in.kind == "VP8L" {
			w.whole(in)
		}
		return nil
	})
	binary.LittleEndian.PutUint32(head[4:], uint32(w.cutter.made-before))
	return err
}

// complete adds the note of the orientation, which comes last.
func (w *webpFile) complete() error {
	if w.facts.Frames == 0 {
		return ErrDamaged
	}
	if w.facts.Orientation == 1 || w.extended == nil {
		w.facts.Orientation = 1
		return nil
	}
	w.extended[8] |= webpEXIF
	b := note(w.facts.Orientation)
	w.write(append(binary.LittleEndian.AppendUint32([]byte("EXIF"), uint32(len(b))), b...))
	return nil
}
