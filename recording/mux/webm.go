package mux

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/at-wat/ebml-go"
	"github.com/at-wat/ebml-go/webm"

	"parley/recording"
	"parley/signal/media"
)

// Sizes and times of a file.
const (
	headerRoom  = 8 << 10 // everything before the first cluster; the rest of it is void
	clusterTime = 5000    // ms
	leaderAfter = 5       // ms: a file whose first block is later gets a leader
	opusDelay   = 6_500_000
	opusPreRoll = 80_000_000
	maxTracks   = 32
)

// writer writes one WebM file. Clusters go out as they fill; the header, for which room is left, when all is known.
type writer struct {
	out     recording.Output
	ebml    []byte // the file's first element
	start   int64  // where the segment's data begins; positions in the index count from there
	runs    []*run
	tracks  []*track
	pos     int64 // end of what was written
	cluster cluster
	cues    []webm.CuePoint
	length  time.Duration
}

// track is a track of the file: the runs of one label and codec.
type track struct {
	label         media.Label
	codec         codec
	number        uint64
	width, height int
	last          int64 // ms of its last block
}

// cluster is the one being filled.
type cluster struct {
	webm.Cluster
	open bool
	cue  uint64 // the track whose key frame begins it; 0: none
}

func newWriter(out recording.Output, runs []*run) (*writer, error) {
	first, err := marshal(&struct {
		Header webm.EBMLHeader `ebml:"EBML"`
	}{*webm.DefaultEBMLHeader})
	if err != nil {
		return nil, err
	}
	w := &writer{out: out, ebml: first, start: int64(len(first) + segmentHead), runs: runs, pos: headerRoom}
	if _, err := out.Write(void(headerRoom)); err != nil {
		return nil, fmt.Errorf("write header: %w", err)
	}
	return w, nil
}

func (w *writer) empty() bool { return len(w.tracks) == 0 }

// frame writes a frame at its time; frames come in the order of time.
func (w *writer) frame(f frame, at time.Duration) error {
	if w.empty() && at.Milliseconds() >= leaderAfter {
		if err := w.leader(f.run); err != nil {
			return err
		}
	}
	t := w.track(f.run.label, f.run.codec)
	if t == nil {
		return nil
	}
	length := 40 * time.Millisecond
	if !t.codec.video {
		length = opusLength(f.data)
	}
	w.length = max(w.length, at+length)
	return w.block(t, max(at.Milliseconds(), t.last), f.key, f.data)
}

// leader begins the file with a block at 0: silence if anybody spoke, else a black picture.
func (w *writer) leader(first *run) error {
	r := first
	for _, o := range w.runs {
		if !o.codec.video && o.packets > 0 {
			r = o
			break
		}
	}
	if t := w.track(r.label, r.codec); t != nil {
		return w.block(t, 0, true, r.codec.leader)
	}
	return nil
}

// track finds or makes the track of a label and codec.
func (w *writer) track(l media.Label, c codec) *track {
	for _, t := range w.tracks {
		if t.label == l && t.codec.id == c.id {
			return t
		}
	}
	if len(w.tracks) >= maxTracks {
		return nil
	}
	t := &track{label: l, codec: c, number: uint64(len(w.tracks) + 1)}
	for _, r := range w.runs {
		if r.label == l && r.codec.id == c.id {
			t.width, t.height = max(t.width, r.width), max(t.height, r.height)
		}
	}
	w.tracks = append(w.tracks, t)
	return t
}

// block adds a block to the cluster. A key frame of a picture begins a new one, so that a player can start there.
func (w *writer) block(t *track, ms int64, key bool, data []byte) error {
	t.last = ms
	begins := t.codec.video && key
	if c := &w.cluster; !c.open || begins && len(c.SimpleBlock) > 0 || ms-int64(c.Timecode) >= clusterTime {
		if err := w.flush(); err != nil {
			return err
		}
		c.Cluster, c.open, c.cue = webm.Cluster{Timecode: uint64(ms)}, true, 0
		if begins || !w.video() {
			c.cue = t.number
		}
	}
	w.cluster.SimpleBlock = append(w.cluster.SimpleBlock, ebml.Block{TrackNumber: t.number,
		Timecode: int16(ms - int64(w.cluster.Timecode)), Keyframe: key, Data: [][]byte{data}})
	return nil
}

// video says that the file will have a picture.
func (w *writer) video() bool {
	for _, r := range w.runs {
		if r.codec.video && r.packets > 0 {
			return true
		}
	}
	return false
}

// flush writes the cluster.
func (w *writer) flush() error {
	c := &w.cluster
	if !c.open {
		return nil
	}
	if c.cue != 0 {
		w.cues = append(w.cues, webm.CuePoint{CueTime: c.Timecode, CueTrackPositions: []webm.CueTrackPosition{
			{CueTrack: c.cue, CueClusterPosition: uint64(w.pos - w.start)}}})
	}
	return w.element(&struct {
		Cluster webm.Cluster `ebml:"Cluster"`
	}{c.Cluster})
}

func (w *writer) element(v any) error {
	b, err := marshal(v)
	if err != nil {
		return err
	}
	if _, err := w.out.Write(b); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	w.pos += int64(len(b))
	return nil
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := ebml.Marshal(v, &b); err != nil {
		return nil, fmt.Errorf("encode file: %w", err)
	}
	return b.Bytes(), nil
}

// finish writes the last cluster, the index, and the header into its room.
func (w *writer) finish() error {
	if err := w.flush(); err != nil {
		return err
	}
	cues := w.pos
	if len(w.cues) > 0 {
		if err := w.element(&struct {
			Cues webm.Cues `ebml:"Cues"`
		}{webm.Cues{CuePoint: w.cues}}); err != nil {
			return err
		}
	}
	b, err := w.header(uint64(cues - w.start))
	if err != nil {
		return err
	}
	if _, err := w.out.WriteAt(b, 0); err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	return nil
}

// segmentHead is the length of the segment's id and size.
const segmentHead = 4 + 8

// header is everything before the first cluster, headerRoom bytes long.
func (w *writer) header(cues uint64) ([]byte, error) {
	b := append(bytes.Clone(w.ebml), 0x18, 0x53, 0x80, 0x67)
	b = binary.BigEndian.AppendUint64(b, uint64(w.pos-w.start)|1<<56)
	rest, err := w.describe(cues)
	if err != nil {
		return nil, err
	}
	b = append(b, rest...)
	if len(b)+9 > headerRoom {
		return nil, fmt.Errorf("write header: %d bytes don't fit", len(b))
	}
	return append(b, void(headerRoom-len(b))...), nil
}

// describe is seek head, information and tracks. The positions in the seek head depend on its own length, which
// depends on them, so it is made until it no longer changes.
func (w *writer) describe(cues uint64) ([]byte, error) {
	info, err := marshal(&struct {
		Info webm.Info `ebml:"Info"`
	}{webm.Info{TimecodeScale: 1_000_000, MuxingApp: "parley", WritingApp: "parley",
		Duration: float64(w.length) / float64(time.Millisecond)}})
	if err != nil {
		return nil, err
	}
	tracks, err := marshal(&struct {
		Tracks webm.Tracks `ebml:"Tracks"`
	}{webm.Tracks{TrackEntry: w.entries()}})
	if err != nil {
		return nil, err
	}
	var seek []byte
	for range 4 {
		n := uint64(len(seek))
		if seek, err = w.seekHead(n, n+uint64(len(info)), cues); err != nil {
			return nil, err
		}
	}
	return append(append(seek, info...), tracks...), nil
}

func (w *writer) seekHead(info, tracks, cues uint64) ([]byte, error) {
	list := []webm.Seek{
		{SeekID: []byte{0x15, 0x49, 0xa9, 0x66}, SeekPosition: info},
		{SeekID: []byte{0x16, 0x54, 0xae, 0x6b}, SeekPosition: tracks},
	}
	if len(w.cues) > 0 {
		list = append(list, webm.Seek{SeekID: []byte{0x1c, 0x53, 0xbb, 0x6b}, SeekPosition: cues})
	}
	return marshal(&struct {
		SeekHead webm.SeekHead `ebml:"SeekHead"`
	}{webm.SeekHead{Seek: list}})
}

func (w *writer) entries() []webm.TrackEntry {
	var list []webm.TrackEntry
	for _, t := range w.tracks {
		e := webm.TrackEntry{Name: string(t.label), TrackNumber: t.number, TrackUID: t.number, CodecID: t.codec.id,
			TrackType: 2, CodecPrivate: t.codec.private}
		if t.codec.video {
			e.TrackType = 1
			e.Video = &webm.Video{PixelWidth: uint64(max(t.width, 16)), PixelHeight: uint64(max(t.height, 16))}
		} else {
			e.CodecDelay, e.SeekPreRoll = opusDelay, opusPreRoll
			e.Audio = &webm.Audio{SamplingFrequency: 48000, Channels: 2}
		}
		list = append(list, e)
	}
	return list
}

// void is n bytes that readers skip; n is at least 9, or 0.
func void(n int) []byte {
	if n == 0 {
		return nil
	}
	b := make([]byte, n)
	b[0] = 0xec
	binary.BigEndian.PutUint64(b[1:], uint64(n-9)|1<<56)
	return b
}
