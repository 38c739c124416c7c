package strip_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"
	"time"

	"parley/chat/attach/strip"
)

// whole are files that every parser takes, as small as they get.
func whole(t testing.TB) map[string][][]byte {
	var g, p bytes.Buffer
	if err := gif.Encode(&g, picture(), nil); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&p, picture()); err != nil {
		t.Fatal(err)
	}
	lossless := "\x2f\x3f\xc0\x09\x00" // VP8L, 64 × 40
	return map[string][][]byte{
		"jpeg": {camera(t, 6, 20)}, "gif": {g.Bytes()}, "png": {p.Bytes(), pngWith(t, "eXIf:"+string(exif(3)))},
		"webp": {[]byte(riff("RIFF", "WEBP"+riff("VP8L", lossless))), webpOf(t, riff("VP8L", lossless), riff("EXIF", string(exif(3))))},
		"mp4":  {handmadeMP4("meta", 1, 0), handmadeMP4("mebx", 1, 0)},
		"webm": {handmadeWebM(false, "webm", "\x01"), handmadeWebM(true, "webm", "\x01")},
	}
}

func TestHandmadeFilmsLoseTheirPlaces(t *testing.T) {
	out, facts := stripped(t, "mp4", handmadeMP4("meta", 1, 0))
	if !bytes.Contains(out, []byte("picture!")) || facts.Duration != 1500*time.Millisecond || facts.Width != 96 || facts.Audio {
		t.Errorf("mp4: %+v", facts)
	}
	for _, unknown := range []bool{false, true} {
		in := handmadeWebM(unknown, "webm", "\x01")
		out, facts := stripped(t, "webm", in)
		if bytes.Count(out, []byte("frame")) != 2 || facts.Width != 96 || facts.Height != 64 || len(out) != len(in) {
			t.Errorf("webm: %+v", facts)
		}
		if want := (256 + 256 + 20) * time.Millisecond; facts.Duration != want {
			t.Errorf("webm: it lasts %v, want %v", facts.Duration, want)
		}
	}
}

// What is cut short anywhere is refused, or was cut behind the end; a film also between two of its elements.
func TestWhatIsCutShortIsRefused(t *testing.T) {
	for kind, files := range whole(t) {
		for _, b := range files {
			full, _ := stripped(t, kind, b)
			for n := range len(b) {
				_, err := parsers[kind](bytes.NewReader(b[:n]), int64(n))
				if err == nil {
					out, _ := stripped(t, kind, b[:n])
					if film := kind == "webm" || kind == "mp4"; !bytes.HasPrefix(full, out) || !film && len(out) < len(full) {
						t.Errorf("%s cut at %d of %d is taken: %d bytes stay, of the whole %d", kind, n, len(b), len(out), len(full))
					}
				}
				if err != nil && !errors.Is(err, strip.ErrDamaged) && !errors.Is(err, strip.ErrUnsupported) {
					t.Errorf("%s cut at %d: %v", kind, n, err)
				}
			}
		}
	}
}

func TestHostileFilesAreRefused(t *testing.T) {
	jpegOf := func(segments ...string) string { return "\xff\xd8" + strings.Join(segments, "") + "\xff\xd9" }
	frame := segment(0xc0, "\x08\x00\x28\x00\x40\x01\x01\x11\x00")
	scan := segment(0xda, "\x01\x01\x00\x00\x3f\x00") + "data"
	ihdr := string(strip.PNGChunk("IHDR", []byte("\x00\x00\x00\x40\x00\x00\x00\x28\x08\x02\x00\x00\x00")))
	sig, idat, iend := "\x89PNG\r\n\x1a\n", string(strip.PNGChunk("IDAT", nil)), string(strip.PNGChunk("IEND", nil))
	for _, c := range []struct {
		kind, name, file string
		want             error
	}{
		{"jpeg", "nothing", "", strip.ErrDamaged},
		{"jpeg", "a page", "<html></html>", strip.ErrDamaged},
		{"jpeg", "no scan", jpegOf(frame), strip.ErrDamaged},
		{"jpeg", "no frame", jpegOf(scan), strip.ErrDamaged},
		{"jpeg", "two frames", jpegOf(frame, frame, scan), strip.ErrDamaged},
		{"jpeg", "two pictures", "\xff\xd8" + frame + jpegOf(frame, scan), strip.ErrDamaged},
		{"jpeg", "arithmetic coding", jpegOf(segment(0xc9, "\x08\x00\x28\x00\x40\x01\x01\x11\x00"), scan), strip.ErrUnsupported},
		{"jpeg", "height to come", jpegOf(segment(0xc0, "\x08\x00\x00\x00\x40\x01\x01\x11\x00"), scan), strip.ErrUnsupported},
		{"jpeg", "a segment of no length", "\xff\xd8\xff\xe1\x00\x00" + jpegOf(frame, scan), strip.ErrDamaged},
		{"png", "no header", sig + idat + iend, strip.ErrDamaged},
		{"png", "two headers", sig + ihdr + ihdr + idat + iend, strip.ErrDamaged},
		{"png", "no data", sig + ihdr + iend, strip.ErrDamaged},
		{"png", "no end", sig + ihdr + idat, strip.ErrDamaged},
		{"png", "a chunk beyond the end", sig + ihdr + "\x7f\xff\xff\xffIDATxx", strip.ErrDamaged},
		{"png", "a chunk that must be understood", sig + ihdr + string(strip.PNGChunk("SCRI", nil)) + idat + iend, strip.ErrUnsupported},
		{"webp", "no picture", riff("RIFF", "WEBP"+riff("ICCP", "x")), strip.ErrDamaged},
		{"webp", "a small canvas around a large picture", riff("RIFF", "WEBP"+riff("VP8X", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")+
			riff("VP8L", "\x2f\xff\xff\xff\x0f")), strip.ErrDamaged},
		{"webp", "two pictures", riff("RIFF", "WEBP"+strings.Repeat(riff("VP8L", "\x2f\x3f\xc0\x09\x00"), 2)), strip.ErrDamaged},
		{"webp", "a frame in a frame that is too long", riff("RIFF", "WEBP"+riff("VP8X", "\x02\x00\x00\x00\x3f\x00\x00\x27\x00\x00")+
			riff("ANMF", strings.Repeat("\x00", 16)+"VP8 \xff\xff\xff\x0f")), strip.ErrDamaged},
		{"gif", "no frame", "GIF89a\x01\x00\x01\x00\x00\x00\x00;", strip.ErrDamaged},
		{"gif", "no size", "GIF89a\x00\x00\x01\x00\x00\x00\x00;", strip.ErrDamaged},
		{"mp4", "no tracks", mp4Box("ftyp", "isom") + mp4Box("moov"), strip.ErrUnsupported},
		{"mp4", "no film", mp4Box("ftyp", "isom") + mp4Box("mdat", "x"), strip.ErrDamaged},
		{"mp4", "data in another file", string(handmadeMP4("soun", 0, 0)), strip.ErrUnsupported},
		{"mp4", "places beyond the data", string(handmadeMP4("meta", 1, 1)), strip.ErrDamaged},
		{"mp4", "places in the picture's head", string(handmadeMP4("meta", 1, -20)), strip.ErrDamaged},
		{"mp4", "two films", mp4Box("moov", mp4Trak(1, "soun", 1, 0)) + mp4Box("moov"), strip.ErrDamaged},
		{"mp4", "a box smaller than its head", mp4Box("ftyp", "isom") + u32(4) + "moov", strip.ErrDamaged},
		{"mp4", "a box that wraps around", mp4Box("ftyp", "isom") + u32(1) + "moov" + u32(1<<31, 0), strip.ErrDamaged},
		{"mp4", "boxes without end", mp4Box("moov", strings.Repeat(mp4Box("xxxx"), 100_001)), strip.ErrUnsupported},
		{"mp4", "tracks without end", mp4Box("moov", strings.Repeat(mp4Trak(1, "soun", 1, 0), 65)), strip.ErrUnsupported},
		{"webm", "Matroska", string(handmadeWebM(false, "matroska", "\x01")), strip.ErrUnsupported},
		{"webm", "subtitles", string(handmadeWebM(false, "webm", "\x11")), strip.ErrUnsupported},
		{"webm", "two segments", string(handmadeWebM(false, "webm", "\x01")) + ebml(0x18538067), strip.ErrUnsupported},
		{"webm", "an element of no length", string(handmadeWebM(false, "webm", "\x01")) + "\x00", strip.ErrDamaged},
		{"webm", "open tags", ebml(0x1a45dfa3, ebml(0x4282, "webm")) + ebml(0x18538067, "\x12\x54\xc3\x67\xff"), strip.ErrUnsupported},
	} {
		if _, err := parsers[c.kind](strings.NewReader(c.file), int64(len(c.file))); !errors.Is(err, c.want) {
			t.Errorf("%s: %s: %v, want %v", c.kind, c.name, err, c.want)
		}
	}
}

// A file of nothing but small things to leave out must not make a plan as large as itself.
func TestAPlanIsBounded(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture(), nil); err != nil {
		t.Fatal(err)
	}
	pair := segment(0xfe, "") + segment(0xdd, "\x00\x01")
	in := "\xff\xd8" + strings.Repeat(pair, 70_000) + string(b.Bytes()[2:])
	if _, err := strip.JPEG(strings.NewReader(in), int64(len(in))); !errors.Is(err, strip.ErrDamaged) {
		t.Errorf("error %v", err)
	}
	many := handmadeWebM(true, "webm", "\x01")
	many = append(many, strings.Repeat(ebml(0x1254c367, "x"), 40_000)...)
	if _, err := strip.WebM(bytes.NewReader(many), int64(len(many))); !errors.Is(err, strip.ErrUnsupported) {
		t.Errorf("error %v", err)
	}
}

// broken fails to read beyond a place.
type broken struct {
	io.ReaderAt
	from int64
}

var errBroken = errors.New("broken disk")

func (b broken) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.from {
		return 0, errBroken
	}
	return b.ReaderAt.ReadAt(p, off)
}

// A disk that fails is not a file that is damaged: the sender would be told so wrongly.
func TestAnErrorOfReadingIsNoDamage(t *testing.T) {
	for kind, files := range whole(t) {
		for _, b := range files {
			if _, err := parsers[kind](broken{bytes.NewReader(b), 0}, int64(len(b))); !errors.Is(err, errBroken) || errors.Is(err, strip.ErrDamaged) {
				t.Errorf("%s: %v", kind, err)
			}
			plan, err := parsers[kind](bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(io.NewSectionReader(plan.Of(broken{bytes.NewReader(b), 10}), 0, plan.Size())); !errors.Is(err, errBroken) {
				t.Errorf("%s: reading what stays: %v", kind, err)
			}
			short := plan.Of(bytes.NewReader(b[:8]))
			if _, err := io.ReadAll(io.NewSectionReader(short, 0, plan.Size())); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: what has become shorter: %v", kind, err)
			}
		}
	}
}

func TestAViewCanBeReadFromAnywhere(t *testing.T) {
	for kind, files := range whole(t) {
		for _, b := range files {
			full, _ := stripped(t, kind, b)
			plan, err := parsers[kind](bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			view := plan.Of(bytes.NewReader(b))
			for _, n := range []int{1, 7, 300} {
				for at := 0; at <= len(full); at += max(1, len(full)/50) {
					got := make([]byte, n)
					k, err := view.ReadAt(got, int64(at))
					want := full[at:min(at+n, len(full))]
					if !bytes.Equal(got[:k], want) || (err == io.EOF) != (len(want) < n) {
						t.Fatalf("%s: %d bytes at %d: %d bytes, %v", kind, n, at, k, err)
					}
				}
			}
		}
	}
}

// An orientation that is not what it should be counts as none.
func TestAnOrientationThatMakesNoSenseIsNone(t *testing.T) {
	cases := map[string][]byte{"nothing": nil, "short": exif(6)[:12], "nine": exif(9), "none": exif(0)}
	far := exif(6)
	binary.LittleEndian.PutUint32(far[4:], 1<<31)
	cases["a directory beyond the end"] = far
	text := exif(6)
	text[24] = 2
	cases["a text"] = text
	for name, tiff := range cases {
		in := "\xff\xd8" + segment(0xe1, "Exif\x00\x00"+string(tiff)) + string(camera(t, 1, 20)[2:])
		plan, err := strip.JPEG(strings.NewReader(in), int64(len(in)))
		if err != nil || plan.Orientation != 1 {
			t.Errorf("%s: orientation %d, %v", name, plan.Orientation, err)
		}
	}
}

// fuzz holds every plan to what all have in common, whatever the file is.
func fuzz(f *testing.F, kind string) {
	for _, b := range whole(f)[kind] {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		plan, err := parsers[kind](bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !errors.Is(err, strip.ErrDamaged) && !errors.Is(err, strip.ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		out, err := io.ReadAll(io.NewSectionReader(plan.Of(bytes.NewReader(b)), 0, plan.Size()))
		if err != nil || int64(len(out)) != plan.Size() || len(out) > len(b)+64 {
			t.Fatalf("%d bytes stay of %d, %d were read: %v", plan.Size(), len(b), len(out), err)
		}
		if plan.Width < 0 || plan.Height < 0 || plan.Duration < 0 || plan.Orientation < 0 || plan.Orientation > 8 {
			t.Fatalf("facts %+v", plan.Facts)
		}
		again, err := parsers[kind](bytes.NewReader(out), int64(len(out)))
		if err != nil {
			t.Fatalf("what stays is not taken: %v", err)
		}
		twice, err := io.ReadAll(io.NewSectionReader(again.Of(bytes.NewReader(out)), 0, again.Size()))
		if err != nil || !bytes.Equal(twice, out) {
			t.Fatalf("stripping again changes it: %v", fmt.Sprintf("%x, %x", out, twice))
		}
	})
}

func FuzzJPEG(f *testing.F) { fuzz(f, "jpeg") }
func FuzzPNG(f *testing.F)  { fuzz(f, "png") }
func FuzzWebP(f *testing.F) { fuzz(f, "webp") }
func FuzzGIF(f *testing.F)  { fuzz(f, "gif") }
func FuzzMP4(f *testing.F)  { fuzz(f, "mp4") }
func FuzzWebM(f *testing.F) { fuzz(f, "webm") }
