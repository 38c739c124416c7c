package mux_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/at-wat/ebml-go"
	"github.com/at-wat/ebml-go/webm"

	"parley/internal/policy"
	"parley/recording"
	"parley/recording/mux"
	"parley/recording/recordingtest"
	"parley/signal/media"
)

// tape is a journal in memory.
type tape struct{ records []recording.Record }

func (t *tape) Records(_ context.Context, f func(recording.Record) error) error {
	for _, r := range t.records {
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

// record makes a tape of what arrives at a sink.
func record(t testing.TB, items []recordingtest.Item) *tape {
	t.Helper()
	slices.SortStableFunc(items, func(a, b recordingtest.Item) int { return int(a.At - b.At) })
	tp := &tape{}
	for _, i := range items {
		r := recording.Record{Track: i.Track, At: i.At}
		var err error
		switch {
		case i.RTP != nil:
			r.Kind = recording.RecordPacket
			r.Payload, err = i.RTP.Marshal()
		case i.SR != nil:
			r.Kind = recording.RecordReport
			r.Payload, err = i.SR.Marshal()
		default:
			r.Kind, r.Payload, err = event(i.Event(time.Time{}))
		}
		if err != nil {
			t.Fatal(err)
		}
		tp.records = append(tp.records, r)
	}
	return tp
}

func event(e media.Event) (recording.RecordKind, []byte, error) {
	if s, ok := e.(media.TrackStarted); ok {
		b, err := json.Marshal(recording.TrackInfo{Kind: s.Track.Kind.String(), Label: s.Track.Label, Codec: s.Track.Codec})
		return recording.RecordTrack, b, err
	}
	return recording.RecordTrackEnd, nil, nil
}

// buffer is an Output in memory.
type buffer struct{ b []byte }

func (b *buffer) Write(p []byte) (int, error) { b.b = append(b.b, p...); return len(p), nil }

func (b *buffer) WriteAt(p []byte, off int64) (int, error) { return copy(b.b[off:], p), nil }

// film is a file as a player reads it.
type film struct {
	bytes  []byte
	Header webm.EBMLHeader `ebml:"EBML"`
	webm.Segment
	frames map[uint64][]shown
}

type shown struct {
	at   time.Duration
	key  bool
	data []byte
}

func make1(t testing.TB, items ...[]recordingtest.Item) *film {
	t.Helper()
	var out buffer
	if err := mux.WebM(t.Context(), record(t, slices.Concat(items...)), &out); err != nil {
		t.Fatal(err)
	}
	return read(t, out.b)
}

func read(t testing.TB, b []byte) *film {
	t.Helper()
	var doc struct {
		Header  webm.EBMLHeader `ebml:"EBML"`
		Segment webm.Segment    `ebml:"Segment"`
	}
	if err := ebml.Unmarshal(bytes.NewReader(b), &doc); err != nil {
		t.Fatal(err)
	}
	f := &film{bytes: b, Segment: doc.Segment, frames: map[uint64][]shown{}}
	for _, c := range doc.Segment.Cluster {
		for _, s := range c.SimpleBlock {
			at := time.Duration(int64(c.Timecode)+int64(s.Timecode)) * time.Millisecond
			f.frames[s.TrackNumber] = append(f.frames[s.TrackNumber], shown{at, s.Keyframe, s.Data[0]})
		}
	}
	return f
}

// track finds a track's frames by label.
func (f *film) track(t testing.TB, label string) []shown {
	t.Helper()
	for _, e := range f.Tracks.TrackEntry {
		if e.Name == label {
			return f.frames[e.TrackNumber]
		}
	}
	t.Fatalf("no track %s", label)
	return nil
}

func (f *film) length() time.Duration {
	return time.Duration(f.Info.Duration * float64(time.Millisecond))
}

func near(got, want, by time.Duration) bool { return (got - want).Abs() <= by }

// voice and face are what a participant sends from one time to another.
func voice(from, to time.Duration, c recordingtest.Clock) []recordingtest.Item {
	return recordingtest.Stream{Track: recordingtest.Microphone(1), Frames: recordingtest.Talk(from, to), Clock: c}.Items()
}

func face(from, to time.Duration, c recordingtest.Clock) []recordingtest.Item {
	return recordingtest.Stream{Track: recordingtest.Camera(2, recordingtest.VP8),
		Frames: recordingtest.Picture(from, to, 3000, 50), Clock: c}.Items()
}

func TestEverythingThatWasSentIsInTheFile(t *testing.T) {
	f := make1(t, voice(0, 10*time.Second, recordingtest.Clock{}), face(0, 10*time.Second, recordingtest.Clock{}))
	if n := len(f.track(t, "microphone")); n != 500 {
		t.Errorf("%d frames of sound, want 500", n)
	}
	if n := len(f.track(t, "camera")); n != 250 {
		t.Errorf("%d frames of picture, want 250", n)
	}
	if !near(f.length(), 10*time.Second, 50*time.Millisecond) {
		t.Errorf("lasts %v", f.length())
	}
	for _, e := range f.Tracks.TrackEntry {
		if v := e.Video; v != nil && (v.PixelWidth != 640 || v.PixelHeight != 480) {
			t.Errorf("picture of %d×%d", v.PixelWidth, v.PixelHeight)
		}
		if e.Audio != nil && (e.CodecDelay != 6_500_000 || e.SeekPreRoll != 80_000_000 || len(e.CodecPrivate) != 19) {
			t.Errorf("sound %+v", e)
		}
	}
}

func TestReorderingAndRepeatsLoseNothing(t *testing.T) {
	for name, bend := range map[string]func([]recordingtest.Item) []recordingtest.Item{
		"none":    func(i []recordingtest.Item) []recordingtest.Item { return i },
		"repeats": func(i []recordingtest.Item) []recordingtest.Item { return recordingtest.Repeat(i, 0.2, 1) },
		"reordered": func(i []recordingtest.Item) []recordingtest.Item {
			return recordingtest.Shuffle(i, 0.3, 80*time.Millisecond, 1)
		},
		"both": func(i []recordingtest.Item) []recordingtest.Item {
			return recordingtest.Shuffle(recordingtest.Repeat(i, 0.1, 2), 0.5, 150*time.Millisecond, 2)
		},
		"late repairs": func(i []recordingtest.Item) []recordingtest.Item {
			return recordingtest.Shuffle(i, 0.02, time.Second, 3)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := make1(t, bend(voice(0, 10*time.Second, recordingtest.Clock{})), bend(face(0, 10*time.Second, recordingtest.Clock{})))
			if v, a := len(f.track(t, "camera")), len(f.track(t, "microphone")); v != 250 || a != 500 {
				t.Errorf("%d pictures of 250, %d sounds of 500", v, a)
			}
			wantAscending(t, f)
		})
	}
}

func wantAscending(t testing.TB, f *film) {
	t.Helper()
	for n, frames := range f.frames {
		if !slices.IsSortedFunc(frames, func(a, b shown) int { return int(a.at - b.at) }) {
			t.Errorf("track %d goes back in time", n)
		}
	}
}

func TestAfterALossThePictureGoesOnWithAKeyFrame(t *testing.T) {
	items := face(0, 10*time.Second, recordingtest.Clock{}) // a key frame every 2 s
	lost := slices.DeleteFunc(slices.Clone(items), func(i recordingtest.Item) bool {
		return i.RTP != nil && i.At == 3*time.Second+i.At%time.Millisecond && !i.RTP.Marker
	})
	if len(lost) == len(items) {
		t.Fatal("nothing was lost")
	}
	frames := make1(t, lost, voice(0, 10*time.Second, recordingtest.Clock{})).track(t, "camera")
	for i, f := range frames[1:] {
		before := frames[i]
		if f.at-before.at > 50*time.Millisecond {
			if !near(before.at, 2960*time.Millisecond, time.Millisecond) || !near(f.at, 4*time.Second, time.Millisecond) || !f.key {
				t.Errorf("stops at %v, goes on at %v, key %v", before.at, f.at, f.key)
			}
			return
		}
	}
	t.Error("the picture never stopped")
}

func TestLossOnAnyLinkGivesOnlyWholeFrames(t *testing.T) {
	for _, share := range []float64{0.01, 0.05, 0.2} {
		items := recordingtest.Lose(face(0, 60*time.Second, recordingtest.Clock{}), share, 7)
		f := make1(t, items, recordingtest.Lose(voice(0, 60*time.Second, recordingtest.Clock{}), share, 8))
		for _, p := range f.track(t, "camera") {
			if len(p.data) != 3000 && len(p.data) > 64 {
				t.Fatalf("loss %v: a picture of %d bytes, sent were 3000", share, len(p.data))
			}
		}
		if want := int(float64(3000) * (1 - share) * 0.97); len(f.track(t, "microphone")) < want {
			t.Errorf("loss %v: %d sounds, want at least %d", share, len(f.track(t, "microphone")), want)
		}
		wantAscending(t, f)
	}
}

func TestAReloadIsAJumpInTimeOnTheSameTracks(t *testing.T) {
	clock := recordingtest.Clock{Delay: 20 * time.Millisecond}
	again := recordingtest.Clock{Delay: 25 * time.Millisecond, Offset: 3 * time.Hour, Seed: 9} // another device
	f := make1(t, voice(0, 5*time.Second, clock), face(0, 5*time.Second, clock),
		voice(12*time.Second, 20*time.Second, again), face(12*time.Second, 20*time.Second, again))
	if len(f.Tracks.TrackEntry) != 2 {
		t.Fatalf("%d tracks, want 2", len(f.Tracks.TrackEntry))
	}
	for _, label := range []string{"microphone", "camera"} {
		frames := f.track(t, label)
		i := slices.IndexFunc(frames, func(s shown) bool { return s.at > 6*time.Second })
		if i < 0 || !near(frames[i].at, 12*time.Second, 40*time.Millisecond) || !frames[i].key {
			t.Errorf("%s goes on wrongly", label)
		}
	}
	if !near(f.length(), 20*time.Second, 100*time.Millisecond) {
		t.Errorf("lasts %v", f.length())
	}
}

func TestAnotherCodecIsAnotherTrack(t *testing.T) {
	vp9 := recordingtest.Stream{Track: recordingtest.Camera(3, recordingtest.VP9), Frames: vp9Frames(12*time.Second, 20*time.Second)}
	f := make1(t, face(0, 5*time.Second, recordingtest.Clock{}), vp9.Items())
	if len(f.Tracks.TrackEntry) != 2 || f.Tracks.TrackEntry[0].CodecID != "V_VP8" || f.Tracks.TrackEntry[1].CodecID != "V_VP9" {
		t.Fatalf("tracks %+v", f.Tracks.TrackEntry)
	}
	if v := f.Tracks.TrackEntry[1].Video; v.PixelWidth != 16 || v.PixelHeight != 16 {
		t.Errorf("picture of %d×%d", v.PixelWidth, v.PixelHeight)
	}
}

// vp9Frames are key frames of a black picture.
func vp9Frames(from, to time.Duration) []recordingtest.Frame {
	black := []byte{0x82, 0x49, 0x83, 0x42, 0x00, 0x00, 0xf0, 0x00, 0xf6, 0x00, 0x38, 0x24, 0x1c, 0x18, 0x42, 0x00,
		0x00, 0x30, 0x60, 0x00, 0x00, 0x10, 0xbf, 0xff, 0xfd, 0x8b, 0x2a, 0x00, 0x00}
	var f []recordingtest.Frame
	for at := from; at < to; at += 100 * time.Millisecond {
		f = append(f, recordingtest.Frame{At: at, Data: black})
	}
	return f
}

func TestAFileBeginsAtZeroWhoeverComesLate(t *testing.T) {
	late := 7 * time.Second
	for name, items := range map[string][]recordingtest.Item{
		"both":    slices.Concat(voice(late+time.Second, 2*late, recordingtest.Clock{}), face(late, 2*late, recordingtest.Clock{})),
		"picture": face(late, 2*late, recordingtest.Clock{}),
		"sound":   voice(late, 2*late, recordingtest.Clock{}),
	} {
		f := make1(t, items)
		if b := f.Cluster[0].SimpleBlock; f.Cluster[0].Timecode != 0 || len(b) != 1 {
			t.Errorf("%s: first cluster at %d with %d blocks", name, f.Cluster[0].Timecode, len(b))
		}
		if got := f.Cluster[1].Timecode; !near(time.Duration(got)*time.Millisecond, late, 10*time.Millisecond) {
			t.Errorf("%s: goes on at %d ms", name, got)
		}
	}
}

func TestTheIndexLeadsToClustersThatBeginWithAKeyFrame(t *testing.T) {
	f := make1(t, voice(0, 60*time.Second, recordingtest.Clock{}), face(0, 60*time.Second, recordingtest.Clock{}))
	if f.Cues == nil || len(f.Cues.CuePoint) != 30 {
		t.Fatalf("cues %+v, want 30", f.Cues)
	}
	start := uint64(bytes.Index(f.bytes, []byte{0x18, 0x53, 0x80, 0x67}) + 12)
	for _, c := range f.Cues.CuePoint {
		at := start + c.CueTrackPositions[0].CueClusterPosition
		var doc struct {
			Cluster []webm.Cluster `ebml:"Cluster"`
			Cues    *webm.Cues     `ebml:"Cues"`
		}
		if err := ebml.Unmarshal(bytes.NewReader(f.bytes[at:]), &doc); err != nil {
			t.Fatal(err)
		}
		got, p := doc.Cluster[0], c.CueTrackPositions[0]
		if b := got.SimpleBlock[0]; got.Timecode != c.CueTime || !b.Keyframe || b.TrackNumber != p.CueTrack {
			t.Fatalf("cue at %d leads to %d, track %d, key %v", c.CueTime, got.Timecode, b.TrackNumber, b.Keyframe)
		}
	}
	for _, s := range f.SeekHead.Seek {
		at := start + s.SeekPosition
		if !bytes.HasPrefix(f.bytes[at:], s.SeekID) {
			t.Errorf("seek head: no %x at %d", s.SeekID, at)
		}
	}
}

func TestTwoSidesShareOneClockWhateverTheirOwnClocksSay(t *testing.T) {
	const d = 2 * time.Hour
	clap := 7*time.Second + 20*time.Millisecond // both hear it every 7 s
	for name, clock := range map[string]recordingtest.Clock{
		"fast and ahead": {Offset: 40 * time.Second, PPM: 50, Delay: 30 * time.Millisecond, Jitter: 30 * time.Millisecond, Seed: 1},
		"slow, behind":   {Offset: -time.Hour, PPM: -40, Delay: 20 * time.Millisecond, Jitter: 60 * time.Millisecond, Noise: 10 * time.Millisecond, Seed: 2},
	} {
		t.Run(name, func(t *testing.T) {
			var talk []recordingtest.Frame
			for at := clap; at < d; at += clap {
				talk = append(talk, recordingtest.Frame{At: at, Data: recordingtest.Silence})
			}
			sound := recordingtest.Stream{Track: recordingtest.Microphone(1), Clock: clock, Frames: talk}.Items()
			f := make1(t, sound)
			var off []time.Duration
			for i, s := range f.track(t, "microphone")[1:] {
				off = append(off, (s.at - talk[i].At - clock.Delay).Abs())
			}
			slices.Sort(off)
			if p99 := off[len(off)*99/100]; p99 > 40*time.Millisecond {
				t.Errorf("off by %v at p99, want at most 40ms", p99)
			}
			t.Logf("off by %v in the middle, %v at p99, %v at most", off[len(off)/2], off[len(off)*99/100], off[len(off)-1])
		})
	}
}

func TestSoundAndPictureOfOnePersonStayTogether(t *testing.T) {
	const d = time.Hour
	clock := recordingtest.Clock{Offset: time.Minute, PPM: 60, Delay: 20 * time.Millisecond, Jitter: 80 * time.Millisecond, Noise: 15 * time.Millisecond, Seed: 4}
	var at []recordingtest.Frame
	for i := range int(d / (2 * time.Second)) {
		at = append(at, recordingtest.Frame{At: time.Duration(i) * 2 * time.Second})
	}
	sound, picture := slices.Clone(at), slices.Clone(at)
	for i := range at {
		sound[i].Data, picture[i].Data = recordingtest.Silence, recordingtest.Picture(0, 1, 50, 1)[0].Data
	}
	f := make1(t, recordingtest.Stream{Track: recordingtest.Microphone(1), Clock: clock, Frames: sound}.Items(),
		recordingtest.Stream{Track: recordingtest.Camera(2, recordingtest.VP8), Clock: clock, Frames: picture}.Items())
	a, v := f.track(t, "microphone"), f.track(t, "camera")
	a = a[len(a)-len(at):] // without a leader
	var off []time.Duration
	for i := range v {
		off = append(off, (a[i].at - v[i].at).Abs())
	}
	slices.Sort(off)
	if p99 := off[len(off)*99/100]; p99 > 40*time.Millisecond {
		t.Errorf("sound and picture are %v apart at p99", p99)
	}
	t.Logf("apart: %v at p99", off[len(off)*99/100])
}

func TestWithoutReportsArrivalPlacesTheMedia(t *testing.T) {
	clock := recordingtest.Clock{Delay: 25 * time.Millisecond, Jitter: 20 * time.Millisecond}
	s := recordingtest.Stream{Track: recordingtest.Microphone(1), Clock: clock, NoReports: true,
		Frames: recordingtest.Talk(3*time.Second, 5*time.Second)}
	frames := make1(t, s.Items()).track(t, "microphone")[1:]
	if len(frames) != 100 || !near(frames[0].at, 3025*time.Millisecond, 5*time.Millisecond) {
		t.Errorf("%d frames from %v", len(frames), frames[0].at)
	}
}

func TestAJournalWithoutMediaHasNothingToShow(t *testing.T) {
	for name, items := range map[string][]recordingtest.Item{
		"empty":        nil,
		"no key frame": recordingtest.Stream{Track: recordingtest.Camera(2, recordingtest.VP8), Frames: recordingtest.Picture(0, 1, 50, 1)[:0]}.Items(),
	} {
		var out buffer
		err := mux.WebM(t.Context(), record(t, items), &out)
		if !errors.Is(err, mux.ErrEmpty) || !errors.Is(err, policy.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// failing is a disk that takes no more after some bytes.
type failing struct {
	buffer
	room int
}

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return f.buffer.Write(p)
}

func TestAFullDiskIsAnError(t *testing.T) {
	items := voice(0, 30*time.Second, recordingtest.Clock{})
	for _, room := range []int{0, 8 << 10, 10 << 10} {
		if err := mux.WebM(t.Context(), record(t, items), &failing{room: room}); !errors.Is(err, errFull) {
			t.Errorf("room %d: %v", room, err)
		}
	}
}

func FuzzWebM(f *testing.F) {
	items := append(face(0, time.Second, recordingtest.Clock{}), voice(0, time.Second, recordingtest.Clock{})...)
	for n, i := range items {
		if i.RTP != nil && n%16 == 1 {
			b, err := i.RTP.Marshal()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b, uint8(i.Track))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		tp := &tape{}
		for n, c := range []media.Codec{recordingtest.Opus, recordingtest.VP8, recordingtest.VP9} {
			info, err := json.Marshal(recording.TrackInfo{Kind: "video", Label: media.Camera, Codec: c})
			if err != nil {
				t.Fatal(err)
			}
			tp.records = append(tp.records, recording.Record{Kind: recording.RecordTrack, Track: media.TrackID(n), Payload: info})
		}
		for at := time.Duration(0); len(b) > 0; at += 20 * time.Millisecond {
			n := min(len(b), 1+int(b[0]))
			k := recording.RecordPacket
			if n%5 == 0 {
				k = recording.RecordReport
			}
			tp.records = append(tp.records, recording.Record{Kind: k, Track: media.TrackID((int(kind) + n) % 3), At: at, Payload: b[:n]})
			b = b[n:]
		}
		var out buffer
		if err := mux.WebM(t.Context(), tp, &out); err != nil && !errors.Is(err, mux.ErrEmpty) {
			t.Fatal(err)
		}
	})
}
