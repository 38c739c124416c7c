package strip

import (
	"encoding/binary"
	"io"
	"math"
	"slices"
	"time"
)

// Elements of EBML and Matroska (RFC 8794, RFC 9559).
const (
	idEBML, idSegment                          = 0x1a45dfa3, 0x18538067
	idSeekHead, idInfo, idTracks, idCues       = 0x114d9b74, 0x1549a966, 0x1654ae6b, 0x1c53bb6b
	idCluster, idTags, idFiles, idChapters     = 0x1f43b675, 0x1254c367, 0x1941a469, 0x1043a770
	idVoid, idCRC                              = 0xec, 0xbf
	idScale, idDuration, idMuxer, idWriter     = 0x2ad7b1, 0x4489, 0x4d80, 0x5741
	idTrack, idTrackType, idVideo, idDocType   = 0xae, 0x83, 0xe0, 0x4282
	idName, idWidth, idHeight                  = 0x536e, 0xb0, 0xba
	idTime, idSimple, idGroup, idBlock, idLast = 0xe7, 0xa3, 0xa0, 0xa1, 0x9b
)

// webmKept are the elements that stay, by the one they stand in. All others become Void elements of the same size.
var webmKept = map[uint32][]uint32{
	idSegment: {idSeekHead, idInfo, idTracks, idCues, idCluster},
	idInfo:    {idScale, idDuration, idMuxer, idWriter},
}

// level1 are the elements that end a cluster which does not say how long it is.
var level1 = []uint32{idSeekHead, idInfo, idTracks, idCues, idCluster, idTags, idFiles, idChapters}

// maxElements bounds how much is looked at: an hour has some 200,000 blocks.
const maxElements = 5_000_000

// element is an element. Its end is that of its parent if it does not say.
type element struct {
	id            uint32
	at, body, end int64
	open          bool // it does not say where it ends
}

type webmFile struct {
	window
	facts    Facts
	patches  []patch
	scale    uint64 // nanoseconds a unit
	length   float64
	cluster  uint64 // time of the one that is read
	last     uint64 // end of the last block, in units
	segments int
	elements int
}

// WebM plans a WebM film or sound, also one that was written without knowing its length, as browsers do.
func WebM(src io.ReaderAt, size int64) (Plan, error) {
	w := webmFile{window: newWindow(src, size), scale: 1_000_000}
	if err := w.each(0, size, w.top); err != nil {
		return Plan{}, err
	}
	if w.segments != 1 || !w.facts.Video && !w.facts.Audio {
		return Plan{}, ErrDamaged
	}
	w.facts.Duration = w.duration()
	if len(w.patches) > maxPatches {
		return Plan{}, ErrUnsupported
	}
	return patched(size, w.patches, w.facts)
}

func (w *webmFile) duration() time.Duration {
	ns := w.length * float64(w.scale)
	if !(ns > 0) {
		ns = float64(w.last) * float64(w.scale)
	}
	if !(ns < float64(longestFilm)) {
		return 0
	}
	return time.Duration(ns).Round(time.Millisecond)
}

// each calls f for the elements between two offsets. f returns where the next begins.
func (w *webmFile) each(from, to int64, f func(element) (int64, error)) error {
	for at := from; at < to; {
		e, err := w.head(at, to)
		if err != nil {
			return err
		}
		if w.elements++; w.elements > maxElements {
			return ErrUnsupported
		}
		if at, err = f(e); err != nil {
			return err
		}
	}
	return nil
}

func (w *webmFile) head(at, to int64) (element, error) {
	id, n, err := w.vint(at, 4, false)
	if err != nil {
		return element{}, err
	}
	size, k, err := w.vint(at+n, 8, true)
	if err != nil {
		return element{}, err
	}
	e := element{id: uint32(id), at: at, body: at + n + k, end: to}
	if size == 1<<(7*k)-1 {
		e.open = true
		return e, nil
	}
	if size > uint64(to) || e.body+int64(size) > to {
		return element{}, ErrDamaged
	}
	e.end = e.body + int64(size)
	return e, nil
}

// vint reads a number whose first byte says how long it is; of a size that mark is taken off.
func (w *webmFile) vint(at int64, longest int, size bool) (v uint64, n int64, err error) {
	first, err := w.u8(at)
	if err != nil {
		return 0, 0, err
	}
	for n = 1; n <= int64(longest) && first&(0x80>>(n-1)) == 0; n++ {
	}
	if n > int64(longest) {
		return 0, 0, ErrDamaged
	}
	b, err := w.peek(at, int(n))
	if err != nil {
		return 0, 0, err
	}
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	if size {
		v &^= 1 << (7 * n)
	}
	return v, n, nil
}

// uint reads the body of an element as a number.
func (w *webmFile) uint(e element) (v uint64, err error) {
	b, err := w.peek(e.body, int(min(e.end-e.body, 9)))
	if err != nil || len(b) > 8 {
		return 0, orDamaged(err)
	}
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v, nil
}

// blank makes a Void element of it.
func (w *webmFile) blank(e element) (int64, error) {
	if e.open {
		return 0, ErrUnsupported
	}
	total := e.end - e.at
	head := []byte{idVoid, 0x80 | byte(total-2)}
	if total >= 9 {
		head = binary.BigEndian.AppendUint64([]byte{idVoid}, 1<<56|uint64(total-9))
	}
	w.patches = append(w.patches, patch{e.at, int64(len(head)), head})
	if rest := total - int64(len(head)); rest > 0 {
		w.patches = append(w.patches, patch{at: e.at + int64(len(head)), n: rest})
	}
	if len(w.patches) > maxPatches {
		return 0, ErrUnsupported
	}
	return e.end, nil
}

func (w *webmFile) top(e element) (int64, error) {
	switch e.id {
	case idEBML:
		return e.end, w.docType(e)
	case idSegment:
		if w.segments++; w.segments > 1 {
			return 0, ErrUnsupported
		}
		return e.end, w.each(e.body, e.end, w.segment)
	}
	return w.blank(e)
}

func (w *webmFile) docType(e element) error {
	if e.open {
		return ErrDamaged
	}
	found := false
	err := w.each(e.body, e.end, func(in element) (int64, error) {
		if in.id == idDocType {
			name, err := w.text(in.body, int(min(in.end-in.body, 16)))
			if err != nil {
				return 0, err
			}
			found = name == "webm"
		}
		return in.end, nil
	})
	if err == nil && !found {
		err = ErrUnsupported // Matroska holds anything
	}
	return err
}

func (w *webmFile) segment(e element) (int64, error) {
	if !slices.Contains(webmKept[idSegment], e.id) {
		return w.blank(e)
	}
	if e.open && e.id != idCluster {
		return 0, ErrUnsupported
	}
	switch e.id {
	case idInfo:
		return e.end, w.each(e.body, e.end, w.info)
	case idTracks:
		return e.end, w.each(e.body, e.end, w.track)
	case idCluster:
		return w.blocks(e)
	}
	return e.end, nil
}

func (w *webmFile) info(e element) (_ int64, err error) {
	switch e.id {
	case idScale:
		w.scale, err = w.uint(e)
	case idDuration:
		w.length, err = w.float(e)
	default:
		if !slices.Contains(webmKept[idInfo], e.id) {
			return w.blank(e)
		}
	}
	return e.end, err
}

func (w *webmFile) float(e element) (float64, error) {
	v, err := w.uint(e)
	switch {
	case err != nil:
		return 0, err
	case e.end-e.body == 4:
		return float64(math.Float32frombits(uint32(v))), nil
	case e.end-e.body == 8:
		return math.Float64frombits(v), nil
	}
	return 0, ErrDamaged
}

// track takes pictures and sound; a film with other tracks is refused.
func (w *webmFile) track(e element) (int64, error) {
	if e.id != idTrack {
		return w.blank(e)
	}
	err := w.each(e.body, e.end, func(in element) (int64, error) {
		switch in.id {
		case idTrackType:
			return in.end, w.trackType(in)
		case idName:
			return w.blank(in)
		case idVideo:
			return in.end, w.each(in.body, in.end, w.picture)
		}
		return in.end, nil
	})
	return e.end, err
}

func (w *webmFile) trackType(e element) error {
	kind, err := w.uint(e)
	switch {
	case err != nil:
		return err
	case kind == 1:
		w.facts.Video = true
	case kind == 2:
		w.facts.Audio = true
	default:
		return ErrUnsupported
	}
	return nil
}

func (w *webmFile) picture(e element) (int64, error) {
	for id, into := range map[uint32]*int{idWidth: &w.facts.Width, idHeight: &w.facts.Height} {
		if e.id != id || *into != 0 {
			continue
		}
		v, err := w.uint(e)
		if err != nil || v > math.MaxInt32 {
			return 0, orDamaged(err)
		}
		*into = int(v)
	}
	return e.end, nil
}

// blocks goes through a cluster for the time of its last block, and returns where it ends.
func (w *webmFile) blocks(c element) (int64, error) {
	end := c.end
	err := w.each(c.body, c.end, func(e element) (_ int64, err error) {
		switch {
		case c.open && slices.Contains(level1, e.id):
			end = e.at
			return c.end, nil
		case e.open:
			return 0, ErrDamaged
		case e.id == idTime:
			w.cluster, err = w.uint(e)
		case e.id == idSimple:
			err = w.block(e, 0)
		case e.id == idGroup:
			err = w.group(e)
		default:
			return w.blank(e)
		}
		return e.end, err
	})
	return end, err
}

func (w *webmFile) group(g element) error {
	var block element
	var lasts uint64
	err := w.each(g.body, g.end, func(e element) (_ int64, err error) {
		switch e.id {
		case idBlock:
			block = e
		case idLast:
			lasts, err = w.uint(e)
		}
		return e.end, err
	})
	if err != nil || block.id == 0 {
		return orDamaged(err)
	}
	return w.block(block, lasts)
}

// block reads the time of a block, which is relative to its cluster's.
func (w *webmFile) block(e element, lasts uint64) error {
	_, n, err := w.vint(e.body, 8, true)
	if err != nil {
		return err
	}
	rel, err := w.u16(e.body + n)
	if err != nil {
		return err
	}
	if at := int64(w.cluster) + int64(int16(rel)); at >= 0 && w.cluster < 1<<40 && lasts < 1<<40 {
		w.last = max(w.last, uint64(at)+lasts)
	}
	return nil
}
