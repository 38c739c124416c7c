package strip_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/webp"

	"parley/chat/attach/strip"
)

// parsers by the name of what they take.
var parsers = map[string]func(io.ReaderAt, int64) (strip.Plan, error){
	"jpeg": strip.JPEG, "png": strip.PNG, "webp": strip.WebP, "gif": strip.GIF, "mp4": strip.MP4, "webm": strip.WebM,
}

// secret is what must not be found in anything that was stripped.
const secret = "+31.2304+121.4737/"

func stripped(t testing.TB, kind string, b []byte) ([]byte, strip.Facts) {
	t.Helper()
	plan, err := parsers[kind](bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	view := plan.Of(bytes.NewReader(b))
	out, err := io.ReadAll(io.NewSectionReader(view, 0, view.Size()))
	if err != nil || int64(len(out)) != plan.Size() {
		t.Fatalf("%s: read %d bytes of %d: %v", kind, len(out), plan.Size(), err)
	}
	for _, word := range []string{secret, "GPS", "Exif\x00\x00II", "secret"} {
		if bytes.Contains(out, []byte(word)) {
			t.Errorf("%s: %q is still there", kind, word)
		}
	}
	return out, plan.Facts
}

// picture is a gradient, wider than high, so that turning shows.
func picture() *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, 64, 40))
	for y := range 40 {
		for x := range 64 {
			m.SetRGBA(x, y, color.RGBA{uint8(4 * x), uint8(6 * y), 90, 255})
		}
	}
	return m
}

// exif is a TIFF structure with an orientation, a maker and a GPS directory.
func exif(orientation uint16) []byte {
	var b bytes.Buffer
	le := binary.LittleEndian
	b.WriteString("II*\x00\x08\x00\x00\x00")
	field := func(tag, kind uint16, count, value uint32) {
		_ = binary.Write(&b, le, struct {
			Tag, Kind    uint16
			Count, Value uint32
		}{tag, kind, count, value})
	}
	_ = binary.Write(&b, le, uint16(3))
	field(0x010f, 2, 7, 100)
	field(0x0112, 3, 1, uint32(orientation))
	field(0x8825, 4, 1, 50)
	_ = binary.Write(&b, le, uint32(0))
	_ = binary.Write(&b, le, uint16(1))
	field(0x0001, 2, 2, uint32('N'))
	_ = binary.Write(&b, le, uint32(0))
	b.WriteString(strings.Repeat(" ", 100-b.Len()))
	b.WriteString("secret\x00GPS" + secret)
	return b.Bytes()
}

func segment(marker byte, body string) string {
	return "\xff" + string(marker2(marker)) + string(binary.BigEndian.AppendUint16(nil, uint16(len(body)+2))) + body
}

func marker2(m byte) []byte { return []byte{m} }

// camera is a JPEG as a phone makes it: EXIF, XMP, IPTC, a comment, a list of further pictures, and a film behind the end.
func camera(t testing.TB, orientation uint16, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture(), &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	plain := b.Bytes()
	head := segment(0xe0, "JFIF\x00\x01\x02\x01\x00\x48\x00\x48\x01\x01secret thumbnail") +
		segment(0xe1, "Exif\x00\x00"+string(exif(orientation))) +
		segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta exif:GPSLatitude='"+secret+"'/>") +
		segment(0xed, "Photoshop 3.0\x008BIM secret city") + segment(0xe2, "MPF\x00secret") +
		segment(0xe2, "ICC_PROFILE\x00\x01\x01profile") + segment(0xfe, "<html><script>secret</script>") + segment(0xee, "Adobe\x00\x64\x00\x00\x00\x00\x00secret")
	return append(append([]byte("\xff\xd8"+head), plain[2:]...), "\x00\x00\x00\x18ftypmp42 secret motion photo "+secret...)
}

func TestAJPEGLosesAllButThePicture(t *testing.T) {
	for orientation := uint16(1); orientation <= 8; orientation++ {
		in := camera(t, orientation, 90)
		if got := exifTags(in); !slices.Equal(got, []uint16{0x010f, 0x0112, 0x8825, 0x0001}) {
			t.Fatalf("the photo's EXIF has the fields %x", got)
		}
		out, facts := stripped(t, "jpeg", in)
		want, err := jpeg.Decode(bytes.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		got, err := jpeg.Decode(bytes.NewReader(out))
		if err != nil || !samePixels(got, want) {
			t.Fatalf("orientation %d: another picture, %v", orientation, err)
		}
		w, h := 64, 40
		if orientation >= 5 {
			w, h = h, w
		}
		if facts.Orientation != int(orientation) || facts.Width != w || facts.Height != h || facts.Scans != 1 {
			t.Errorf("facts %+v", facts)
		}
		if !bytes.Contains(out, []byte("ICC_PROFILE\x00\x01\x01profile")) || !bytes.HasSuffix(out, []byte{0xff, 0xd9}) {
			t.Error("the profile of the colours is gone, or something stands behind the end")
		}
		if got := exifTags(out); (orientation == 1) != (got == nil) || got != nil && !slices.Equal(got, []uint16{0x0112}) {
			t.Errorf("orientation %d: EXIF has the fields %x", orientation, got)
		}
		if again, f := stripped(t, "jpeg", out); !bytes.Equal(again, out) || f.Orientation != int(orientation) {
			t.Errorf("orientation %d: stripping again changes it: %+v", orientation, f)
		}
	}
}

// exifTags are the fields of all directories of a picture's EXIF, that of GPS included.
func exifTags(picture []byte) (tags []uint16) {
	_, tiff, found := bytes.Cut(picture, []byte("Exif\x00\x00"))
	if !found {
		return nil
	}
	var order binary.ByteOrder = binary.BigEndian
	if tiff[0] == 'I' {
		order = binary.LittleEndian
	}
	for at := order.Uint32(tiff[4:]); at != 0; {
		n := uint32(order.Uint16(tiff[at:]))
		for i := range n {
			field := tiff[at+2+12*i:]
			tag := order.Uint16(field)
			if tags = append(tags, tag); tag == 0x8825 {
				gps := order.Uint32(field[8:])
				tags = append(tags, order.Uint16(tiff[gps+2:]))
			}
		}
		at = order.Uint32(tiff[at+2+12*n:])
	}
	return tags
}

func samePixels(a, b image.Image) bool {
	if a.Bounds() != b.Bounds() {
		return false
	}
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			r1, g1, b1, a1 := a.At(x, y).RGBA()
			r2, g2, b2, a2 := b.At(x, y).RGBA()
			if r1 != r2 || g1 != g2 || b1 != b2 || a1 != a2 {
				return false
			}
		}
	}
	return true
}

func pngWith(t testing.TB, chunks ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, picture()); err != nil {
		t.Fatal(err)
	}
	plain := b.Bytes()
	out := append([]byte(nil), plain[:33]...) // up to IHDR
	for _, c := range chunks {
		kind, body, _ := strings.Cut(c, ":")
		out = append(out, strip.PNGChunk(kind, []byte(body))...)
	}
	return append(append(out, plain[33:]...), "PK\x03\x04 secret archive behind the end"...)
}

func TestAPNGLosesAllButThePicture(t *testing.T) {
	in := pngWith(t, "tEXt:Location\x00"+secret, "iTXt:XML:com.adobe.xmp\x00\x00\x00\x00\x00"+secret, "zTXt:k\x00\x00secret", "tIME:1234567",
		"eXIf:"+string(exif(6)), "pHYs:123456789", "prVt:secret")
	out, facts := stripped(t, "png", in)
	got, err := png.Decode(bytes.NewReader(out))
	if err != nil || !samePixels(got, picture()) {
		t.Fatalf("another picture, %v", err)
	}
	if facts.Orientation != 6 || facts.Width != 40 || facts.Height != 64 || facts.Deep || facts.Frames != 1 {
		t.Errorf("facts %+v", facts)
	}
	if !bytes.Contains(out, []byte("pHYs123456789")) {
		t.Error("the density is gone")
	}
	if again, f := stripped(t, "png", out); !bytes.Equal(again, out) || f != facts {
		t.Errorf("stripping again changes it: %+v", f)
	}
}

func riff(kind, body string) string {
	out := kind + string(binary.LittleEndian.AppendUint32(nil, uint32(len(body)))) + body
	if len(body)&1 == 1 {
		out += "\x00"
	}
	return out
}

// webpOf makes an extended WebP around a lossy frame that ffmpeg has made.
func webpOf(t testing.TB, frame string, chunks ...string) []byte {
	t.Helper()
	body := "WEBP" + riff("VP8X", "\x2c\x00\x00\x00\x3f\x00\x00\x27\x00\x00") + frame + strings.Join(chunks, "")
	return []byte(riff("RIFF", body) + "secret behind the end")
}

func TestAWebPLosesAllButThePicture(t *testing.T) {
	plain := made(t, "webp", "-f", "lavfi", "-i", "testsrc=size=64x40", "-frames:v", "1", "-c:v", "libwebp")
	frame := string(plain[12:]) // simple form: RIFF, size, WEBP, then VP8
	in := webpOf(t, frame, riff("EXIF", string(exif(8))), riff("XMP ", "<x gps='"+secret+"'/>"), riff("ABCD", "secret"))
	out, facts := stripped(t, "webp", in)
	want, err := webp.Decode(bytes.NewReader(plain))
	if err != nil {
		t.Fatal(err)
	}
	got, err := webp.Decode(bytes.NewReader(out))
	if err != nil || !samePixels(got, want) {
		t.Fatalf("another picture, %v", err)
	}
	if facts.Orientation != 8 || facts.Width != 40 || facts.Height != 64 || facts.Frames != 1 {
		t.Errorf("facts %+v", facts)
	}
	if again, f := stripped(t, "webp", out); !bytes.Equal(again, out) || f != facts {
		t.Errorf("stripping again changes it: %+v", f)
	}
	simple, f := stripped(t, "webp", append(plain, "secret"...))
	if !bytes.Equal(simple, plain) || f.Width != 64 || f.Height != 40 {
		t.Errorf("the simple form: %d bytes of %d, %+v", len(simple), len(plain), f)
	}
}

func TestAMovingWebPKeepsItsFramesOnly(t *testing.T) {
	plain := made(t, "webp", "-f", "lavfi", "-i", "testsrc=size=64x40:rate=5", "-t", "1", "-c:v", "libwebp_anim", "-loop", "0")
	if !bytes.Contains(plain, []byte("ANMF")) {
		t.Fatal("ffmpeg made no animation")
	}
	at := bytes.LastIndex(plain, []byte("ANMF"))
	length := binary.LittleEndian.Uint32(plain[at+4:])
	in := append([]byte(nil), plain...)
	hidden := riff("GPSx", secret)
	in = append(in, hidden...) // the last frame gets a chunk of its own
	binary.LittleEndian.PutUint32(in[at+4:], length+length&1+uint32(len(hidden)))
	binary.LittleEndian.PutUint32(in[4:], uint32(len(in)-8))
	out, facts := stripped(t, "webp", in)
	if !bytes.Equal(out, plain) || facts.Frames < 4 || facts.Width != 64 {
		t.Errorf("%d bytes of %d, %+v", len(out), len(plain), facts)
	}
}

func TestAGIFLosesItsComments(t *testing.T) {
	palette := color.Palette{color.Black, color.White}
	g := &gif.GIF{LoopCount: 3}
	for range 3 {
		g.Image, g.Delay = append(g.Image, image.NewPaletted(image.Rect(0, 0, 10, 8), palette)), append(g.Delay, 5)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	plain := b.Bytes()
	at := bytes.Index(plain, []byte("\x21\xff\x0bNETSCAPE2.0"))
	extra := "\x21\xfe\x06secret\x00" + "\x21\xff\x0bXMP DataXMP" + "\x12" + secret + "\x00" + "\x21\x01\x01\x00\x06secret\x00"
	in := append([]byte(string(plain[:at])+extra+string(plain[at:])), "<script>secret"...)
	out, facts := stripped(t, "gif", in)
	if !bytes.Equal(out, plain) || facts.Frames != 3 || facts.Width != 10 || facts.Height != 8 {
		t.Errorf("%d bytes of %d, %+v", len(out), len(plain), facts)
	}
	moved, err := gif.DecodeAll(bytes.NewReader(out))
	if err != nil || len(moved.Image) != 3 || moved.LoopCount != 3 {
		t.Errorf("%v", err)
	}
}

// made runs ffmpeg and returns what it has made.
func made(t testing.TB, end string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no ffmpeg")
		}
		t.Skip("there is no ffmpeg")
	}
	file := filepath.Join(t.TempDir(), "made."+end)
	cmd := exec.Command("ffmpeg", append(append([]string{"-v", "error", "-nostdin"}, args...), file)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// probed is what ffprobe says of a file.
type probed struct {
	Streams []struct {
		Type  string            `json:"codec_type"`
		Width int               `json:"width"`
		Tags  map[string]string `json:"tags"`
	} `json:"streams"`
	Format struct {
		Duration string            `json:"duration"`
		Tags     map[string]string `json:"tags"`
	} `json:"format"`
}

func probe(t testing.TB, b []byte, end string) probed {
	t.Helper()
	file := filepath.Join(t.TempDir(), "probed."+end)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", file).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	var p probed
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// pictures is the hash of every frame and sample of a film, as ffmpeg decodes it.
func pictures(t testing.TB, b []byte, end string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "decoded."+end)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-i", file, "-map", "0:v?", "-map", "0:a?", "-f", "md5", "-").Output()
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	return string(out)
}

var (
	pictureAndSound = []string{"-f", "lavfi", "-i", "testsrc=size=96x64:rate=10", "-f", "lavfi", "-i", "sine=440", "-t", "1"}
	places          = []string{"-metadata", "location=" + secret, "-metadata", "title=secret", "-metadata", "comment=secret",
		"-metadata", "com.apple.quicktime.location.ISO6709=" + secret, "-metadata:s:v", "location=" + secret}
)

func TestFilmsLoseTheirPlaces(t *testing.T) {
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"}
	for name, c := range map[string]struct {
		kind, end string
		args      []string
		video     bool
	}{
		"mp4, moov at the end":    {"mp4", "mp4", join(pictureAndSound, h264, places), true},
		"mp4, moov at the front":  {"mp4", "mp4", join(pictureAndSound, h264, places, []string{"-movflags", "+faststart"}), true},
		"mp4 with mdta keys":      {"mp4", "mp4", join(pictureAndSound, h264, places, []string{"-movflags", "use_metadata_tags"}), true},
		"mov":                     {"mp4", "mov", join(pictureAndSound, h264, places), true},
		"mov with mdta keys":      {"mp4", "mov", join(pictureAndSound, h264, places, []string{"-movflags", "use_metadata_tags"}), true},
		"3gp":                     {"mp4", "3gp", join(pictureAndSound, h264, []string{"-ar", "8000", "-ac", "1"}, places), true},
		"mp4 in fragments":        {"mp4", "mp4", join(pictureAndSound, h264, places, []string{"-movflags", "frag_keyframe+empty_moov"}), true},
		"m4a":                     {"mp4", "m4a", join(pictureAndSound[4:], []string{"-c:a", "aac"}, places), false},
		"webm":                    {"webm", "webm", join(pictureAndSound, []string{"-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"}, places), true},
		"webm of unknown length":  {"webm", "webm", join(pictureAndSound, []string{"-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-live", "1"}, places), true},
		"webm, sound":             {"webm", "webm", join(pictureAndSound[4:], []string{"-c:a", "libopus"}, places), false},
		"webm with cues in front": {"webm", "webm", join(pictureAndSound, []string{"-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-cues_to_front", "1"}, places), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := made(t, c.end, c.args...)
			if _, told := probe(t, in, c.end).place(); !told {
				t.Fatal("the file tells no place to begin with")
			}
			out, facts := stripped(t, c.kind, in)
			if len(out) != len(in) {
				t.Errorf("%d bytes of %d: offsets have moved", len(out), len(in))
			}
			if tag, told := probe(t, out, c.end).place(); told {
				t.Errorf("it still tells %s", tag)
			}
			if got, want := pictures(t, out, c.end), pictures(t, in, c.end); got != want {
				t.Errorf("what is shown has changed: %s, was %s", got, want)
			}
			if facts.Video != c.video || !facts.Audio || c.video && (facts.Width != 96 || facts.Height != 64) {
				t.Errorf("facts %+v", facts)
			}
			if d := facts.Duration; d < 900*time.Millisecond || d > 1200*time.Millisecond {
				t.Errorf("duration %v, want about 1 s", d)
			}
			if again, _ := stripped(t, c.kind, out); !bytes.Equal(again, out) {
				t.Error("stripping again changes it")
			}
		})
	}
}

func join(lists ...[]string) (all []string) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// place is a tag that tells where it was made, or what was said of it.
func (p probed) place() (tag string, told bool) {
	all := []map[string]string{p.Format.Tags}
	for _, s := range p.Streams {
		all = append(all, s.Tags)
	}
	for _, tags := range all {
		for k, v := range tags {
			if strings.Contains(strings.ToLower(k), "location") || strings.Contains(v, "secret") || strings.Contains(v, "31.23") {
				return k + "=" + v, true
			}
		}
	}
	return "", false
}

// Phones write the way that was taken into a track of its own, whose samples lie among those of picture and sound.
func TestATrackOfPlacesIsTakenOutWithItsSamples(t *testing.T) {
	subtitles := filepath.Join(t.TempDir(), "places.srt")
	var srt strings.Builder
	for i := range 18 {
		fmt.Fprintf(&srt, "%d\n00:00:0%d,%d00 --> 00:00:0%d,%d80\n%s\n\n", i+1, i/10, i%10, i/10, i%10, secret)
	}
	if err := os.WriteFile(subtitles, []byte(srt.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"mp4", "mov"} {
		in := made(t, end, join(pictureAndSound[:8], []string{"-i", subtitles, "-t", "2", "-map", "0", "-map", "1", "-map", "2",
			"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-c:s", "mov_text"})...)
		if n := bytes.Count(in, []byte(secret)); n < 15 {
			t.Fatalf("%s: %d samples tell a place", end, n)
		}
		out, _ := stripped(t, "mp4", in)
		if got, want := pictures(t, out, end), pictures(t, in, end); got != want {
			t.Errorf("%s: what is shown has changed", end)
		}
		if p := probe(t, out, end); len(p.Streams) != 2 {
			t.Errorf("%s: %d streams, want picture and sound", end, len(p.Streams))
		}
	}
}

func TestAFragmentedFilmWithOtherTracksIsRefused(t *testing.T) {
	subtitles := filepath.Join(t.TempDir(), "places.srt")
	if err := os.WriteFile(subtitles, []byte("1\n00:00:00,100 --> 00:00:01,000\n"+secret+"\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in := made(t, "mp4", join(pictureAndSound[:8], []string{"-i", subtitles, "-t", "2", "-map", "0", "-map", "1", "-map", "2",
		"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-c:s", "mov_text", "-movflags", "frag_keyframe+empty_moov"})...)
	if _, err := strip.MP4(bytes.NewReader(in), int64(len(in))); !errors.Is(err, strip.ErrUnsupported) {
		t.Errorf("error %v, want %v", err, strip.ErrUnsupported)
	}
}

func TestATurnedFilmTellsItsSizeAsShown(t *testing.T) {
	in := made(t, "mp4", join(pictureAndSound, []string{"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"})...)
	turned := bytes.Clone(in)
	matrix := bytes.Index(turned, []byte("tkhd")) + 4 + 40 // of version 0, whose first track is the picture
	copy(turned[matrix:], "\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00")
	if _, facts := stripped(t, "mp4", turned); facts.Width != 64 || facts.Height != 96 {
		t.Errorf("%d × %d, want 64 × 96", facts.Width, facts.Height)
	}
}
