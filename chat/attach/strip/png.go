package strip

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

const pngSignature = "\x89PNG\r\n\x1a\n"

// pngChunks are the chunks that a viewer needs (PNG third edition, 5.6), animation included. Texts, times, EXIF and whatever
// is not here do not stay.
var pngChunks = map[string]bool{
	"IHDR": true, "PLTE": true, "IDAT": true, "IEND": true, "tRNS": true, "cHRM": true, "gAMA": true, "iCCP": true, "sBIT": true,
	"sRGB": true, "cICP": true, "mDCV": true, "cLLI": true, "bKGD": true, "hIST": true, "pHYs": true,
	"acTL": true, "fcTL": true, "fdAT": true,
}

type pngFile struct {
	window
	cutter
	facts Facts
	data  bool // an IDAT was there
}

// PNG plans a PNG picture. What follows its IEND does not stay.
func PNG(src io.ReaderAt, size int64) (Plan, error) {
	p := pngFile{window: newWindow(src, size), facts: Facts{Orientation: 1, Frames: 1}}
	if err := p.walk(); err != nil {
		return Plan{}, err
	}
	p.facts.turned()
	return p.cutter.plan(p.facts)
}

func (p *pngFile) walk() error {
	if sig, err := p.text(0, 8); err != nil || sig != pngSignature {
		return orDamaged(err)
	}
	p.keep(0, 8)
	orient := span{at: none}
	for at, first := int64(8), true; ; first = false {
		n, err := p.u32(at)
		if err != nil {
			return err
		}
		kind, err := p.text(at+4, 4)
		end := at + 12 + int64(n)
		if err != nil || n > 1<<31-1 || end > p.size || first != (kind == "IHDR") {
			return orDamaged(err)
		}
		if err := p.chunk(kind, at, end, &orient); err != nil {
			return err
		}
		if kind == "IEND" {
			return p.complete()
		}
		at = end
	}
}

func (p *pngFile) complete() error {
	if !p.data {
		return ErrDamaged
	}
	return nil
}

func (p *pngFile) chunk(kind string, at, end int64, orient *span) (err error) {
	switch {
	case kind == "IHDR":
		err = p.header(at+8, end-4)
	case kind == "eXIf" && !p.data:
		err = p.exif(at+8, end-4)
	case kind == "acTL":
		err = p.animation(at+8, end-4)
	case kind == "IDAT" && !p.data:
		p.data = true
		if p.facts.Orientation != 1 {
			p.write(pngChunk("eXIf", note(p.facts.Orientation)))
		}
	case kind[0]&0x20 == 0 && !pngChunks[kind]: // critical, and not known
		err = ErrUnsupported
	}
	if err == nil && pngChunks[kind] {
		p.keep(at, end-at)
	}
	return err
}

func (p *pngFile) header(from, to int64) error {
	b, err := p.peek(from, 13)
	if err != nil || to-from != 13 {
		return orDamaged(err)
	}
	w, h := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	if w == 0 || h == 0 || w > 1<<31-1 || h > 1<<31-1 {
		return ErrDamaged
	}
	p.facts.Width, p.facts.Height, p.facts.Deep = int(w), int(h), b[8] == 16
	return nil
}

func (p *pngFile) exif(from, to int64) error {
	b, err := p.peek(from, int(min(to-from, windowSize)))
	if err == nil {
		p.facts.Orientation = orientation(b)
	}
	return err
}

func (p *pngFile) animation(from, to int64) error {
	n, err := p.u32(from)
	if err != nil || to-from != 8 {
		return orDamaged(err)
	}
	p.facts.Frames = int(max(1, min(n, 1<<31-1)))
	return nil
}

func pngChunk(kind string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}
