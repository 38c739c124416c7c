package strip

import (
	"bytes"
	"encoding/binary"
	"io"
)

// Markers of JPEG (ITU-T T.81, table B.1).
const (
	mSOF0, mSOF1, mSOF2 = 0xc0, 0xc1, 0xc2
	mDHT                = 0xc4
	mRST0, mRST7        = 0xd0, 0xd7
	mSOI, mEOI, mSOS    = 0xd8, 0xd9, 0xda
	mDQT, mDRI          = 0xdb, 0xdd
	mAPP0, mAPP1, mAPP2 = 0xe0, 0xe1, 0xe2
	mAPP14, mAPP15      = 0xee, 0xef
	mJPG0, mCOM         = 0xf0, 0xfe
)

// jpegFile is one walk through a JPEG: SOI, segments, scans, EOI. What follows the EOI does not stay.
type jpegFile struct {
	window
	cutter
	facts Facts
	noted bool // the new note of the orientation stands, or can't any more
}

// JPEG plans a JPEG picture. Baseline and progressive ones are supported.
func JPEG(src io.ReaderAt, size int64) (Plan, error) {
	j := jpegFile{window: newWindow(src, size), facts: Facts{Orientation: 1, Frames: 1}}
	if err := j.walk(); err != nil {
		return Plan{}, err
	}
	j.facts.turned()
	return j.cutter.plan(j.facts)
}

func (j *jpegFile) walk() error {
	if start, err := j.u16(0); err != nil || start != 0xff00|mSOI {
		return orDamaged(err)
	}
	j.keep(0, 2)
	for at := int64(2); ; {
		marker, at2, err := j.marker(at)
		if err != nil {
			return err
		}
		if marker == mEOI {
			j.keep(at2-2, 2)
			return j.complete()
		}
		if at, err = j.segment(marker, at2); err != nil {
			return err
		}
		if marker == mSOS {
			if at, err = j.scan(at); err != nil {
				return err
			}
		}
	}
}

func orDamaged(err error) error {
	if err == nil {
		return ErrDamaged
	}
	return err
}

func (j *jpegFile) complete() error {
	if j.facts.Scans == 0 {
		return ErrDamaged
	}
	return nil
}

// marker reads a marker, which any number of fill bytes may precede, and the offset behind it.
func (j *jpegFile) marker(at int64) (byte, int64, error) {
	for first := true; ; first = false {
		b, err := j.u8(at)
		if err != nil {
			return 0, 0, err
		}
		at++
		switch {
		case b == 0xff:
		case first || b == 0:
			return 0, 0, ErrDamaged
		default:
			return b, at, nil
		}
	}
}

// segment keeps a segment, all of it, a part or nothing, and returns where the next begins.
func (j *jpegFile) segment(marker byte, at int64) (int64, error) {
	n, err := j.u16(at)
	if err != nil {
		return 0, err
	}
	body, err := j.peek(at, max(2, int(n)))
	if n < 2 || err != nil {
		return 0, orDamaged(err)
	}
	body = body[2:]
	switch {
	case marker == mAPP0:
		j.jfif(body)
	case marker == mAPP1:
		j.exif(body)
	case marker == mAPP14:
		j.adobe(body)
	case marker == mAPP2 && bytes.HasPrefix(body, []byte("ICC_PROFILE\x00")):
		j.keep(at-2, int64(n)+2)
	case marker > mAPP0 && marker <= mAPP15, marker >= mJPG0 && marker <= mCOM:
		// all that a camera, an editor or a person has written beside the picture
	default:
		err = j.picture(marker, at, body)
	}
	return at + int64(n), err
}

// jfif keeps the density and leaves the thumbnail out, which may show what was cut off.
func (j *jpegFile) jfif(body []byte) {
	if len(body) < 14 || !bytes.HasPrefix(body, []byte("JFIF\x00")) {
		return
	}
	b := append([]byte{0xff, mAPP0, 0, 16}, body[:12]...)
	j.write(append(b, 0, 0))
}

func (j *jpegFile) exif(body []byte) {
	if tiff, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok && !j.noted {
		j.facts.Orientation = orientation(tiff)
	}
}

// adobe keeps how colours were transformed.
func (j *jpegFile) adobe(body []byte) {
	if len(body) >= 12 && bytes.HasPrefix(body, []byte("Adobe")) {
		j.write(append([]byte{0xff, mAPP14, 0, 14}, body[:12]...))
	}
}

// picture keeps what the picture is made of. The note of the orientation goes before the first of it.
func (j *jpegFile) picture(marker byte, at int64, body []byte) error {
	switch marker {
	case mSOF0, mSOF1, mSOF2:
		if err := j.frame(marker, body); err != nil {
			return err
		}
	case mSOS:
		if j.facts.Scans++; j.facts.Width == 0 {
			return ErrDamaged
		}
	case mDHT, mDQT, mDRI:
	default:
		return ErrUnsupported
	}
	if !j.noted && j.facts.Orientation != 1 {
		tiff := append([]byte("Exif\x00\x00"), note(j.facts.Orientation)...)
		b := binary.BigEndian.AppendUint16([]byte{0xff, mAPP1}, uint16(len(tiff)+2))
		j.write(append(b, tiff...))
	}
	j.noted = true
	j.keep(at-2, int64(len(body))+4)
	return nil
}

func (j *jpegFile) frame(marker byte, body []byte) error {
	if len(body) < 6 || j.facts.Width != 0 {
		return ErrDamaged
	}
	j.facts.Height, j.facts.Width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
	j.facts.Progressive = marker == mSOF2
	if j.facts.Height == 0 || j.facts.Width == 0 {
		return ErrUnsupported // the height would come after the first scan
	}
	return nil
}

// scan keeps the coded data and returns where the next marker begins. In it a 0xff is followed by 0, a restart or fill.
func (j *jpegFile) scan(from int64) (int64, error) {
	for at := from; ; {
		b, err := j.rest(at)
		if err != nil {
			return 0, err
		}
		i := bytes.IndexByte(b, 0xff)
		if i < 0 {
			at += int64(len(b))
			continue
		}
		at += int64(i)
		pair, err := j.peek(at, 2)
		if err != nil {
			return 0, err
		}
		switch m := pair[1]; {
		case m == 0, m >= mRST0 && m <= mRST7:
			at += 2
		case m == 0xff:
			at++
		default:
			j.keep(from, at-from)
			return at, nil
		}
	}
}
