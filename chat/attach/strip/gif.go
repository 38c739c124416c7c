package strip

import (
	"encoding/binary"
	"io"
)

type gifFile struct {
	window
	cutter
	facts Facts
}

// GIF plans a GIF picture (GIF89a). Comments, texts and extensions of programs do not stay, but for how often it is played;
// neither does what follows its trailer.
func GIF(src io.ReaderAt, size int64) (Plan, error) {
	g := gifFile{window: newWindow(src, size), facts: Facts{Orientation: 1}}
	if err := g.walk(); err != nil {
		return Plan{}, err
	}
	return g.cutter.plan(g.facts)
}

func (g *gifFile) walk() error {
	b, err := g.peek(0, 13)
	if err != nil || string(b[:6]) != "GIF89a" && string(b[:6]) != "GIF87a" {
		return orDamaged(err)
	}
	g.facts.Width, g.facts.Height = int(binary.LittleEndian.Uint16(b[6:])), int(binary.LittleEndian.Uint16(b[8:]))
	at := 13 + gifColours(b[10])
	if at > g.size || g.facts.Width == 0 || g.facts.Height == 0 {
		return ErrDamaged
	}
	g.keep(0, at)
	for {
		kind, err := g.u8(at)
		if err != nil {
			return err
		}
		switch kind {
		case 0x21:
			at, err = g.extension(at)
		case 0x2c:
			at, err = g.image(at)
		case 0x3b:
			g.keep(at, 1)
			if g.facts.Frames == 0 {
				return ErrDamaged
			}
			return nil
		default:
			err = ErrDamaged
		}
		if err != nil {
			return err
		}
	}
}

// gifColours is how many bytes the table of colours has that the flags announce.
func gifColours(flags byte) int64 {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

func (g *gifFile) extension(at int64) (int64, error) {
	b, err := g.peek(at, 3)
	if err != nil {
		return 0, err
	}
	label, first := b[1], int(b[2])
	name, err := g.text(at+3, first)
	if err != nil {
		return 0, err
	}
	end, err := g.blocks(at + 2)
	if err == nil && (label == 0xf9 || label == 0xff && (name == "NETSCAPE2.0" || name == "ANIMEXTS1.0")) {
		g.keep(at, end-at)
	}
	return end, err
}

func (g *gifFile) image(at int64) (int64, error) {
	b, err := g.peek(at, 10)
	if err != nil {
		return 0, err
	}
	end, err := g.blocks(at + 10 + gifColours(b[9]) + 1)
	if err == nil {
		g.facts.Frames++
		g.keep(at, end-at)
	}
	return end, err
}

// blocks is where a chain of blocks ends: each says how long it is, an empty one is the last.
func (g *gifFile) blocks(at int64) (int64, error) {
	for {
		n, err := g.u8(at)
		if err != nil {
			return 0, err
		}
		at += 1 + int64(n)
		if n == 0 {
			return at, nil
		}
	}
}
