package recordingtest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// NeedFFmpeg skips the test where ffmpeg is not installed; with CI=true that is a failure.
func NeedFFmpeg(t testing.TB) {
	t.Helper()
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
}

// FFmpeg runs ffmpeg and gives its output; anything that it complains about fails the test.
func FFmpeg(t testing.TB, in []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error", "-nostdin"}, args...)...)
	if in != nil {
		cmd = exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error"}, args...)...)
		cmd.Stdin = bytes.NewReader(in)
	}
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Fatalf("ffmpeg %v: %v: %s", args, err, complaints.String())
	}
	return out.Bytes()
}

// RealPicture has ffmpeg code a moving picture of 320×240 at 25 a second, with a key frame every 2 s.
func RealPicture(t testing.TB, codec string, from, d time.Duration) []Frame {
	t.Helper()
	b := FFmpeg(t, nil, "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25", "-t", seconds(d), "-c:v", codec,
		"-pix_fmt", "yuv420p", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k", "-g", "50", "-lag-in-frames", "0", "-auto-alt-ref", "0", "-f", "ivf", "-")
	var frames []Frame
	for b = b[32:]; len(b) > 12; { // IVF: header of 32 bytes; a frame is length(4) and time(8), little-endian
		n := binary.LittleEndian.Uint32(b)
		at := from + time.Duration(len(frames))*40*time.Millisecond
		frames, b = append(frames, Frame{At: at, Data: b[12 : 12+n]}), b[12+n:]
	}
	return frames
}

// RealSound has ffmpeg code a tone as Opus in frames of 20 ms.
func RealSound(t testing.TB, from, d time.Duration) []Frame {
	t.Helper()
	b := FFmpeg(t, nil, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", seconds(d), "-c:a", "libopus",
		"-ac", "2", "-b:a", "32k", "-frame_duration", "20", "-page_duration", "20000", "-f", "ogg", "-")
	var frames []Frame
	r := bytes.NewReader(b)
	for {
		page, err := oggPage(r)
		if err == io.EOF {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(page, []byte("Opus")) { // head and tags
			continue
		}
		at := from + time.Duration(len(frames))*20*time.Millisecond
		frames = append(frames, Frame{At: at, Data: page})
	}
}

// oggPage reads one page, which holds one packet (RFC 3533, 6).
func oggPage(r io.Reader) ([]byte, error) {
	var head [27]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	lengths := make([]byte, head[26])
	if _, err := io.ReadFull(r, lengths); err != nil {
		return nil, err
	}
	n := 0
	for _, l := range lengths {
		n += int(l)
	}
	body := make([]byte, n)
	_, err := io.ReadFull(r, body)
	return body, err
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

// Probe is what ffprobe says of a file.
type Probe struct {
	Format struct {
		Duration string `json:"duration"`
		Start    string `json:"start_time"`
	} `json:"format"`
	Streams []struct {
		Codec  string `json:"codec_name"`
		Kind   string `json:"codec_type"`
		Width  int    `json:"width"`
		Height int    `json:"height"`
		Frames string `json:"nb_read_frames"`
	} `json:"streams"`
}

// Duration is the file's length.
func (p Probe) Duration(t testing.TB) time.Duration {
	t.Helper()
	s, err := strconv.ParseFloat(p.Format.Duration, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(s * float64(time.Second))
}

// FFprobe has ffprobe decode the file and count its frames.
func FFprobe(t testing.TB, path string) (p Probe) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-count_frames", "-show_format", "-show_streams", "-of", "json", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	return p
}
