package mux_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"parley/recording/mux"
	"parley/recording/recordingtest"
	"parley/signal/media"
)

// realMedia is a participant whose sound and picture were coded by ffmpeg.
func realMedia(t *testing.T, codec string, c media.Codec, from, d time.Duration) (sound, picture []recordingtest.Item) {
	t.Helper()
	clock := recordingtest.Clock{Offset: time.Hour, PPM: 20, Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond, Seed: uint64(from)}
	sound = recordingtest.Stream{Track: recordingtest.Microphone(1), Frames: recordingtest.RealSound(t, from, d), Clock: clock}.Items()
	picture = recordingtest.Stream{Track: recordingtest.Camera(2, c), Frames: recordingtest.RealPicture(t, codec, from, d), Clock: clock}.Items()
	return sound, picture
}

func saved(t *testing.T, items ...[]recordingtest.Item) string {
	t.Helper()
	var out buffer
	if err := mux.WebM(t.Context(), record(t, slices.Concat(items...)), &out); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "side.webm")
	if err := os.WriteFile(path, out.b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFFmpegPlaysWhatWasSent(t *testing.T) {
	recordingtest.NeedFFmpeg(t)
	const d = 6 * time.Second
	for codec, c := range map[string]media.Codec{"libvpx": recordingtest.VP8, "libvpx-vp9": recordingtest.VP9} {
		sound, picture := realMedia(t, codec, c, 0, d)
		for name, bend := range map[string]func([]recordingtest.Item) []recordingtest.Item{
			"clean": func(i []recordingtest.Item) []recordingtest.Item { return i },
			"reordered": func(i []recordingtest.Item) []recordingtest.Item {
				return recordingtest.Shuffle(recordingtest.Repeat(i, 0.1, 1), 0.2, 100*time.Millisecond, 1)
			},
		} {
			t.Run(codec+"/"+name, func(t *testing.T) {
				path := saved(t, bend(slices.Clone(sound)), bend(slices.Clone(picture)))
				wantPlayed(t, path, d, 150, 300)
				recordingtest.FFmpeg(t, nil, "-i", path, "-f", "null", "-") // complains about every frame that is not whole
			})
		}
	}
}

// wantPlayed wants ffprobe to find both tracks, the length, and about so many decoded frames of each.
func wantPlayed(t *testing.T, path string, d time.Duration, pictures, sounds int) {
	t.Helper()
	p := recordingtest.FFprobe(t, path)
	if got := p.Duration(t); !near(got, d, 500*time.Millisecond) {
		t.Errorf("lasts %v, want %v", got, d)
	}
	want := map[string]int{"video": pictures, "audio": sounds}
	for _, s := range p.Streams {
		n, err := strconv.Atoi(s.Frames)
		if err != nil || n < want[s.Kind] || n > want[s.Kind]+4 {
			t.Errorf("%s %s: %s frames, want %d", s.Kind, s.Codec, s.Frames, want[s.Kind])
		}
		if s.Kind == "video" && (s.Width != 320 || s.Height != 240) {
			t.Errorf("picture of %d×%d", s.Width, s.Height)
		}
		delete(want, s.Kind)
	}
	if len(want) > 0 {
		t.Errorf("missing %v", want)
	}
}

func TestFFmpegFindsNothingBrokenAfterLoss(t *testing.T) {
	recordingtest.NeedFFmpeg(t)
	sound, picture := realMedia(t, "libvpx", recordingtest.VP8, 0, 10*time.Second)
	path := saved(t, recordingtest.Lose(sound, 0.05, 1), recordingtest.Lose(picture, 0.01, 2))
	recordingtest.FFmpeg(t, nil, "-i", path, "-f", "null", "-")
	if got := recordingtest.FFprobe(t, path).Duration(t); !near(got, 10*time.Second, 500*time.Millisecond) {
		t.Errorf("lasts %v", got)
	}
}

func TestFFmpegPlaysOnAfterAReloadAndSeeks(t *testing.T) {
	recordingtest.NeedFFmpeg(t)
	s1, v1 := realMedia(t, "libvpx", recordingtest.VP8, 2*time.Second, 4*time.Second)
	s2, v2 := realMedia(t, "libvpx", recordingtest.VP8, 10*time.Second, 5*time.Second)
	path := saved(t, s1, v1, s2, v2)
	wantPlayed(t, path, 15*time.Second, 100+125, 200+250)
	if p := recordingtest.FFprobe(t, path); p.Format.Start > "0.01" {
		t.Errorf("starts at %s", p.Format.Start)
	}
	picture := recordingtest.FFmpeg(t, nil, "-ss", "12", "-i", path, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-")
	if len(picture) != 320*240 {
		t.Errorf("seeking to 12 s shows %d bytes of picture", len(picture))
	}
}
