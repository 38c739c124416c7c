package strip

import "encoding/binary"

// chunks walks the tables that say where the samples of a track are: stsc how many in a chunk, stsz how long each, stco or
// co64 where each chunk begins.
type chunks struct {
	per, sizes, offsets table
	same                uint32 // length of every sample, if not 0
	wide                bool   // co64
}

// table is the entries of a box: a look of its own, since three are read together.
type table struct {
	window
	at    int64 // of the first
	count uint32
}

// entries opens the table of a box whose entries of so many bytes begin at an offset behind their count.
func (m *mp4File) entries(b box, skip, each int64) (table, error) {
	t := table{window: newWindow(m.src, m.size), at: b.body + skip + 4}
	var err error
	if t.count, err = t.u32(b.body + skip); err != nil {
		return t, err
	}
	if int64(t.count) > (b.end-t.at)/each {
		return t, ErrDamaged
	}
	return t, nil
}

// erase blanks the samples of a track.
func (m *mp4File) erase(t *mp4Track) error {
	c, err := m.chunks(t)
	if err != nil {
		return err
	}
	var sample uint32
	entry, per, next := uint32(0), uint32(0), uint32(1) // of stsc: the entry to come, and the first chunk that it is for
	for i := range c.offsets.count {
		if entry < c.per.count && i+1 == next {
			if per, next, err = c.run(entry); err != nil {
				return err
			}
			entry++
		}
		at, err := c.offset(i)
		if err != nil {
			return err
		}
		n, err := c.length(sample, per)
		if err != nil {
			return err
		}
		sample += per
		if err := m.eraseRange(at, n); err != nil {
			return err
		}
	}
	return nil
}

func (m *mp4File) chunks(t *mp4Track) (c chunks, err error) {
	stsz, sized := t.tables["stsz"]
	stco, short := t.tables["stco"]
	if co64, ok := t.tables["co64"]; ok {
		stco, c.wide = co64, true
	}
	stsc, ok := t.tables["stsc"]
	if !ok || !sized || !short && !c.wide {
		return c, ErrUnsupported
	}
	each := int64(4)
	if c.wide {
		each = 8
	}
	if c.offsets, err = m.entries(stco, 4, each); err != nil {
		return c, err
	}
	if c.per, err = m.entries(stsc, 4, 12); err != nil {
		return c, err
	}
	if c.same, err = m.u32(stsz.body + 4); err != nil {
		return c, err
	}
	each = 4
	if c.same != 0 { // no entries then
		each = 1
		stsz.end = m.size + 1<<33
	}
	c.sizes, err = m.entries(stsz, 8, each)
	return c, err
}

// run is how many samples a chunk has from an entry on, and the chunk from which the next entry counts.
func (c *chunks) run(entry uint32) (per, next uint32, err error) {
	if per, err = c.per.u32(c.per.at + int64(entry)*12 + 4); err != nil {
		return 0, 0, err
	}
	if entry+1 < c.per.count {
		next, err = c.per.u32(c.per.at + int64(entry+1)*12)
	}
	return per, next, err
}

func (c *chunks) offset(i uint32) (int64, error) {
	if !c.wide {
		at, err := c.offsets.u32(c.offsets.at + int64(i)*4)
		return int64(at), err
	}
	at, err := c.offsets.u64(c.offsets.at + int64(i)*8)
	if err == nil && at > 1<<40 {
		err = ErrDamaged
	}
	return int64(at), err
}

// length is that of so many samples from one on.
func (c *chunks) length(from, count uint32) (int64, error) {
	if int64(from)+int64(count) > int64(c.sizes.count) {
		return 0, ErrDamaged
	}
	if c.same != 0 {
		if int64(count) > c.sizes.size/int64(c.same) {
			return 0, ErrDamaged
		}
		return int64(c.same) * int64(count), nil
	}
	var sum int64
	for i := range count {
		n, err := c.sizes.u32(c.sizes.at + int64(from+i)*4)
		if err != nil {
			return 0, err
		}
		sum += int64(n)
	}
	return sum, nil
}

// eraseRange blanks data, which must lie within an mdat.
func (m *mp4File) eraseRange(at, n int64) error {
	if n == 0 {
		return nil
	}
	for _, d := range m.data {
		if at >= d.body && at+n <= d.end {
			m.patches = append(m.patches, patch{at: at, n: n})
			if len(m.patches) > maxPatches {
				return ErrUnsupported
			}
			return nil
		}
	}
	return ErrDamaged
}

// Flags of tfhd and trun.
const (
	tfhdBase, tfhdDescription, tfhdDuration   = 1, 2, 8
	trunOffset, trunFirst, trunDuration       = 1, 4, 0x100
	trunSize, trunFlags, trunCompositionShift = 0x200, 0x400, 0x800
)

func (m *mp4File) extends(b box) error {
	f, err := m.peek(b.body, 16)
	if err != nil {
		return err
	}
	if len(m.usual) < maxTracks {
		m.usual[binary.BigEndian.Uint32(f[4:])] = binary.BigEndian.Uint32(f[12:])
	}
	return nil
}

func (m *mp4File) fragment(b box) error {
	m.fragments = true
	return m.walk("moof", b.body, b.end)
}

// run adds up how long a fragment of a track lasts, so that a film whose header was written before its end has a length.
func (m *mp4File) run(b box) error {
	if err := m.walk("traf", b.body, b.end); err != nil {
		return err
	}
	var t *mp4Track
	var usual uint32
	var end uint64
	err := m.each(b.body, b.end, false, func(in box) (err error) {
		switch {
		case in.kind == "tfhd":
			t, usual, err = m.fragmentHeader(in)
		case in.kind == "tfdt":
			end, err = m.decodeTime(in)
		case in.kind == "trun" && t != nil:
			var n uint64
			n, err = m.runLength(in, usual)
			end += n
		}
		return err
	})
	if t != nil {
		t.length = max(t.length, end)
	}
	return err
}

func (m *mp4File) fragmentHeader(b box) (*mp4Track, uint32, error) {
	head, err := m.peek(b.body, 8)
	if err != nil {
		return nil, 0, err
	}
	flags, id, at := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:]), b.body+8
	for _, f := range []struct {
		flag uint32
		size int64
	}{{tfhdBase, 8}, {tfhdDescription, 4}} {
		if flags&f.flag != 0 {
			at += f.size
		}
	}
	usual := m.usual[id]
	if flags&tfhdDuration != 0 {
		if usual, err = m.u32(at); err != nil {
			return nil, 0, err
		}
	}
	for _, t := range m.tracks {
		if t.id == id {
			return t, usual, nil
		}
	}
	return nil, 0, ErrDamaged
}

func (m *mp4File) decodeTime(b box) (uint64, error) {
	version, err := m.u8(b.body)
	if err != nil || version == 0 {
		short, err := m.u32(b.body + 4)
		return uint64(short), err
	}
	return m.u64(b.body + 4)
}

// runLength is how long the samples of a trun last together.
func (m *mp4File) runLength(b box, usual uint32) (uint64, error) {
	head, err := m.peek(b.body, 8)
	if err != nil {
		return 0, err
	}
	flags, count := binary.BigEndian.Uint32(head)&0xffffff, binary.BigEndian.Uint32(head[4:])
	if flags&trunDuration == 0 {
		return uint64(usual) * uint64(count), nil
	}
	at, each := b.body+8, int64(0)
	for _, f := range []uint32{trunOffset, trunFirst} {
		if flags&f != 0 {
			at += 4
		}
	}
	for _, f := range []uint32{trunDuration, trunSize, trunFlags, trunCompositionShift} {
		if flags&f != 0 {
			each += 4
		}
	}
	if int64(count) > (b.end-at)/each {
		return 0, ErrDamaged
	}
	var sum uint64
	for i := range int64(count) {
		n, err := m.u32(at + i*each)
		if err != nil {
			return 0, err
		}
		sum += uint64(n)
	}
	return sum, nil
}
