package strip

import (
	"encoding/binary"
	"io"
	"math"
	"slices"
	"time"
)

// Boxes that a player needs, by the box that they stand in (ISO/IEC 14496-12; QuickTime File Format). All others are turned
// into free boxes of the same size with nothing in them: udta and meta with their places, makers and times, uuid with XMP.
var mp4Boxes = map[string][]string{
	"":     {"ftyp", "moov", "mdat", "moof", "styp", "sidx", "mfra"},
	"moov": {"mvhd", "trak", "mvex", "iods"},
	"trak": {"tkhd", "edts", "mdia", "tref", "tapt"},
	"mdia": {"mdhd", "hdlr", "minf", "elng"},
	"minf": {"vmhd", "smhd", "hdlr", "dinf", "stbl", "nmhd", "gmhd"},
	"mvex": {"mehd", "trex"},
	"moof": {"mfhd", "traf"},
	"traf": {"tfhd", "tfdt", "trun", "saiz", "saio", "sbgp", "sgpd", "subs"},
	"dinf": {"dref"},
}

// Bounds of a film's structure. What people record has some dozens of boxes and a fragment a second or so.
const (
	maxBoxes   = 100_000
	maxTracks  = 64
	maxPatches = 60_000
)

// box is one box: where it begins, where its body does, and where that ends.
type box struct {
	kind          string
	at, body, end int64
}

// mp4Track is what is known of a track.
type mp4Track struct {
	box           box // trak
	id            uint32
	handler       string
	width, height int
	scale         uint32
	length        uint64 // in units of scale
	tables        map[string]box
}

type mp4File struct {
	window
	facts     Facts
	patches   []patch
	tracks    []*mp4Track
	data      []box // mdat
	boxes     int
	film      bool // moov was there
	fragments bool
	scale     uint32
	length    uint64
	usual     map[uint32]uint32 // trex: length of a sample by track
}

// MP4 plans an MP4 or QuickTime film, or sound alone. Tracks of anything but picture and sound are taken out with their samples:
// phones put the way that was taken into them.
func MP4(src io.ReaderAt, size int64) (Plan, error) {
	m := mp4File{window: newWindow(src, size), usual: map[uint32]uint32{}}
	if err := m.walk("", 0, size); err != nil {
		return Plan{}, err
	}
	if !m.film {
		return Plan{}, ErrDamaged
	}
	if err := m.sort(); err != nil {
		return Plan{}, err
	}
	m.facts.Duration = m.duration()
	if len(m.patches) > maxPatches {
		return Plan{}, ErrUnsupported
	}
	return patched(size, m.patches, m.facts)
}

// walk goes through the boxes of a parent and blanks those that it does not know there.
func (m *mp4File) walk(parent string, from, to int64) error {
	return m.each(from, to, parent == "", func(b box) error {
		if !slices.Contains(mp4Boxes[parent], b.kind) {
			return m.blank(b)
		}
		if read := mp4Readers[b.kind]; read != nil {
			return read(m, b)
		}
		return nil
	})
}

// mp4Readers says what is read of a box that stays.
var mp4Readers map[string]func(*mp4File, box) error

func init() { // a table that refers to itself
	mp4Readers = map[string]func(*mp4File, box) error{
		"moov": (*mp4File).movie, "trak": (*mp4File).track, "mdat": (*mp4File).sample, "moof": (*mp4File).fragment,
		"mvhd": (*mp4File).movieHeader, "tkhd": (*mp4File).trackHeader, "mdhd": (*mp4File).mediaHeader, "hdlr": (*mp4File).handler,
		"mdia": inside("mdia"), "minf": inside("minf"), "mvex": inside("mvex"), "traf": (*mp4File).run, "dinf": inside("dinf"),
		"stbl": (*mp4File).table, "dref": (*mp4File).references, "trex": (*mp4File).extends,
	}
}

func inside(parent string) func(*mp4File, box) error {
	return func(m *mp4File, b box) error { return m.walk(parent, b.body, b.end) }
}

// each calls f for the boxes between two offsets. Only outermost may the last one reach to the end without saying how far.
func (m *mp4File) each(from, to int64, outermost bool, f func(box) error) error {
	for at := from; at < to; {
		if to-at < 8 {
			return m.remainder(at, to, outermost)
		}
		b, err := m.head(at, to, outermost)
		if err != nil {
			return err
		}
		if m.boxes++; m.boxes > maxBoxes {
			return ErrUnsupported
		}
		if err := f(b); err != nil {
			return err
		}
		at = b.end
	}
	return nil
}

// remainder is what is too short for a box: QuickTime ends some lists with four zeros.
func (m *mp4File) remainder(at, to int64, outermost bool) error {
	if outermost {
		return ErrDamaged
	}
	m.patches = append(m.patches, patch{at: at, n: to - at})
	return nil
}

func (m *mp4File) head(at, to int64, outermost bool) (box, error) {
	h, err := m.peek(at, 8)
	if err != nil {
		return box{}, err
	}
	b := box{kind: string(h[4:]), at: at, body: at + 8, end: at + int64(binary.BigEndian.Uint32(h))}
	switch b.end - at {
	case 0:
		if b.end = to; !outermost {
			return box{}, ErrDamaged
		}
	case 1:
		n, err := m.u64(at + 8)
		if err != nil || n > math.MaxInt64/2 {
			return box{}, orDamaged(err)
		}
		b.body, b.end = at+16, at+int64(n)
	}
	if b.end < b.body || b.end > to {
		return box{}, ErrDamaged
	}
	return b, nil
}

// blank makes a free box of it.
func (m *mp4File) blank(b box) error {
	if m.size < b.at+8 || b.end-b.at < 8 {
		return ErrDamaged
	}
	m.patches = append(m.patches, patch{b.at + 4, 4, []byte("free")}, patch{at: b.body, n: b.end - b.body})
	return nil
}

func (m *mp4File) movie(b box) error {
	if m.film {
		return ErrDamaged
	}
	m.film = true
	return m.walk("moov", b.body, b.end)
}

func (m *mp4File) sample(b box) error {
	m.data = append(m.data, b)
	return nil
}

func (m *mp4File) track(b box) error {
	if len(m.tracks) == maxTracks {
		return ErrUnsupported
	}
	m.tracks = append(m.tracks, &mp4Track{box: b, tables: map[string]box{}})
	return m.walk("trak", b.body, b.end)
}

// now is the track that is being read.
func (m *mp4File) now() (*mp4Track, error) {
	if len(m.tracks) == 0 {
		return nil, ErrDamaged
	}
	return m.tracks[len(m.tracks)-1], nil
}

// times reads timescale and duration of a header; version 1 has longer fields.
func (m *mp4File) times(b box) (scale uint32, length uint64, err error) {
	version, err := m.u8(b.body)
	if err != nil {
		return 0, 0, err
	}
	if version == 1 {
		if scale, err = m.u32(b.body + 20); err == nil {
			length, err = m.u64(b.body + 24)
		}
		return scale, length, err
	}
	if scale, err = m.u32(b.body + 12); err != nil {
		return 0, 0, err
	}
	short, err := m.u32(b.body + 16)
	if short == math.MaxUint32 { // unknown
		short = 0
	}
	return scale, uint64(short), err
}

func (m *mp4File) movieHeader(b box) (err error) {
	m.scale, m.length, err = m.times(b)
	return err
}

func (m *mp4File) mediaHeader(b box) error {
	t, err := m.now()
	if err == nil {
		t.scale, t.length, err = m.times(b)
	}
	return err
}

// trackHeader reads id, size as shown and whether it is turned by a quarter.
func (m *mp4File) trackHeader(b box) error {
	t, err := m.now()
	if err != nil {
		return err
	}
	version, err := m.u8(b.body)
	if err != nil {
		return err
	}
	id, matrix := b.body+12, b.body+40
	if version == 1 {
		id, matrix = b.body+20, b.body+52
	}
	if t.id, err = m.u32(id); err != nil {
		return err
	}
	f, err := m.peek(matrix, 44)
	if err != nil {
		return err
	}
	t.width, t.height = int(binary.BigEndian.Uint32(f[36:])>>16), int(binary.BigEndian.Uint32(f[40:])>>16)
	if binary.BigEndian.Uint32(f) == 0 && binary.BigEndian.Uint32(f[4:]) != 0 {
		t.width, t.height = t.height, t.width
	}
	return nil
}

// handler says what a track is of. QuickTime has a second one within minf, which says how data is found.
func (m *mp4File) handler(b box) error {
	t, err := m.now()
	if err != nil || t.handler != "" {
		return err
	}
	t.handler, err = m.text(b.body+8, 4)
	return err
}

// references refuses data that lies in other files: whoever plays it would fetch them.
func (m *mp4File) references(b box) error {
	n, err := m.u32(b.body + 4)
	if err != nil {
		return err
	}
	return m.each(b.body+8, b.end, false, func(in box) error {
		flags, err := m.u32(in.body)
		if err == nil && (flags&1 == 0 || n == 0) {
			err = ErrUnsupported
		}
		return err
	})
}

// table remembers where the tables of samples are.
func (m *mp4File) table(b box) error {
	t, err := m.now()
	if err != nil {
		return err
	}
	return m.each(b.body, b.end, false, func(in box) error {
		switch in.kind {
		case "udta", "meta", "uuid":
			return m.blank(in)
		}
		t.tables[in.kind] = in
		return nil
	})
}

// sort takes out the tracks that are neither picture nor sound, and tells what the others are.
func (m *mp4File) sort() error {
	for _, t := range m.tracks {
		switch t.handler {
		case "vide":
			if !m.facts.Video {
				m.facts.Width, m.facts.Height = t.width, t.height
			}
			m.facts.Video = true
		case "soun":
			m.facts.Audio = true
		default:
			if err := m.remove(t); err != nil {
				return err
			}
		}
	}
	if !m.facts.Video && !m.facts.Audio {
		return ErrUnsupported
	}
	return nil
}

// remove takes a track out, and its samples out of the data. Of a film in fragments they are not looked for.
func (m *mp4File) remove(t *mp4Track) error {
	if m.fragments {
		return ErrUnsupported
	}
	if err := m.erase(t); err != nil {
		return err
	}
	m.patches = slices.DeleteFunc(m.patches, func(p patch) bool { return p.at >= t.box.body && p.at < t.box.end })
	return m.blank(t.box)
}

// duration is that of the film, or of the longest track or fragment where it does not say.
func (m *mp4File) duration() time.Duration {
	longest := span64(m.length, m.scale)
	if longest > 0 {
		return longest
	}
	for _, t := range m.tracks {
		if t.handler == "vide" || t.handler == "soun" {
			longest = max(longest, span64(t.length, t.scale))
		}
	}
	return longest
}

// longestFilm bounds a duration that is told: nothing shorter than the largest file lasts longer.
const longestFilm = 1000 * time.Hour

func span64(length uint64, scale uint32) time.Duration {
	if scale == 0 {
		return 0
	}
	seconds := float64(length) / float64(scale)
	if seconds > longestFilm.Seconds() {
		return 0
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
}
