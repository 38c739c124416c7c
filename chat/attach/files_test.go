package attach_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/chat/attach"
	"parley/chat/chattest"
	"parley/internal/policy"
	"parley/signal/wire"
	"parley/storage/object"
)

func encoded(t testing.TB, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func office(t testing.TB, names ...string) []byte {
	return encoded(t, func(b *bytes.Buffer) error {
		z := zip.NewWriter(b)
		for _, name := range names {
			f, err := z.Create(name)
			if err != nil {
				return err
			}
			if _, err := f.Write([]byte("<xml/>")); err != nil {
				return err
			}
		}
		return z.Close()
	})
}

// pngHeader is a PNG that says it is so large, with nothing in it.
func pngHeader(w, h uint32) []byte {
	chunk := func(kind, body string) string {
		c := kind + body
		return string(binary.BigEndian.AppendUint32(nil, uint32(len(body)))) + c + string(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(c))))
	}
	size := string(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h))
	return []byte("\x89PNG\r\n\x1a\n" + chunk("IHDR", size+"\x08\x06\x00\x00\x00") + chunk("IDAT", "x") + chunk("IEND", ""))
}

func ole() []byte { return append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 2000)...) }

func TestAFileIsWhatItsBytesSay(t *testing.T) {
	w := newWorld(t)
	w.day = attach.Day{Count: 1000, Bytes: 1 << 30}
	w.restart()
	id := w.chat.NewConversation()
	ann := w.as(chattest.Ann)
	small := image.NewPaletted(image.Rect(0, 0, 9, 7), color.Palette{color.Black, color.White})
	picture := encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, small) })
	docx := office(t, "[Content_Types].xml", "_rels/.rels", "word/document.xml")
	for _, c := range []struct {
		what  string
		kind  attach.Kind
		name  string
		file  []byte
		media string // empty: refused
		as    string // the name that it gets
		want  error
	}{
		{"a photo", attach.Picture, "a.jpg", photo(t, 20, 10), "image/jpeg", "a.jpg", nil},
		{"a photo under another name", attach.Picture, "a.html", photo(t, 20, 10), "image/jpeg", "a.html.jpg", nil},
		{"a PNG", attach.Picture, "图.png", picture, "image/png", "图.png", nil},
		{"a GIF", attach.Picture, "", encoded(t, func(b *bytes.Buffer) error { return gif.Encode(b, small, nil) }), "image/gif", "picture.gif", nil},
		{"a PDF", attach.File, "../../etc/passwd", document(100), "application/pdf", "passwd.pdf", nil},
		{"a PDF as resume", attach.Resume, "cv.PDF", document(100), "application/pdf", "cv.PDF", nil},
		{"a Word document", attach.Resume, "cv.docx", docx, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "cv.docx", nil},
		{"a text", attach.Resume, "cv.txt", []byte("我是一名工程师。\n"), "text/plain", "cv.txt", nil},
		{"an archive", attach.File, "a.zip", office(t, "a.txt"), "application/zip", "a.zip", nil},
		{"a WPS document", attach.Resume, "简历.wps", ole(), "application/msword", "简历.wps", nil},
		{"something OLE", attach.Resume, "cv.exe", ole(), "", "", policy.ErrBadRequest},
		{"nothing", attach.File, "a.txt", nil, "", "", policy.ErrBadRequest},
		{"a page", attach.File, "a.txt", []byte("<!DOCTYPE html><html><script>alert(1)</script>"), "", "", policy.ErrBadRequest},
		{"a page behind spaces", attach.File, "a.txt", []byte("\ufeff \n <ScRiPt>alert(1)</script>"), "", "", policy.ErrBadRequest},
		{"a drawing with a script", attach.Picture, "a.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`), "", "", policy.ErrBadRequest},
		{"a program", attach.File, "a.pdf", append([]byte("MZ"), make([]byte, 500)...), "", "", policy.ErrBadRequest},
		{"an app", attach.File, "a.zip", office(t, "AndroidManifest.xml", "classes.dex"), "", "", policy.ErrBadRequest},
		{"a HEIC", attach.Picture, "IMG_1.HEIC", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), "", "", policy.ErrBadRequest},
		{"a PDF as picture", attach.Picture, "a.jpg", document(100), "", "", policy.ErrBadRequest},
		{"a photo as voice", attach.Voice, "a.m4a", photo(t, 20, 10), "", "", policy.ErrBadRequest},
		{"an archive as resume", attach.Resume, "cv.zip", office(t, "a.txt"), "", "", policy.ErrBadRequest},
		{"a photo cut short", attach.Picture, "a.jpg", photo(t, 20, 10)[:300], "", "", policy.ErrBadRequest},
		{"a PNG that does not unfold", attach.Picture, "a.png", pngHeader(20, 20), "", "", policy.ErrBadRequest},
		{"a bomb", attach.Picture, "a.png", pngHeader(20_000, 20_000), "", "", policy.ErrTooLarge},
		{"a bomb of one row", attach.File, "a.png", pngHeader(1<<31-1, 1), "", "", policy.ErrTooLarge},
		{"no kind", "", "a.jpg", photo(t, 20, 10), "", "", policy.ErrBadRequest},
		{"a kind of the system", "system", "a.jpg", photo(t, 20, 10), "", "", policy.ErrBadRequest},
	} {
		info, err := w.Put(t.Context(), ann.Principal, ann.draft(id, c.kind, c.name), bytes.NewReader(c.file))
		if !errors.Is(err, c.want) || info.Media != c.media || info.Name != c.as {
			t.Errorf("%s: %q named %q, %v; want %q named %q, %v", c.what, info.Media, info.Name, err, c.media, c.as, c.want)
		}
	}
}

// The refusal of a HEIC says what to do.
func TestAHEICIsRefusedWithHelp(t *testing.T) {
	w := newWorld(t)
	ann := w.as(chattest.Ann)
	_, err := w.Put(t.Context(), ann.Principal, ann.draft(w.chat.NewConversation(), attach.Picture, "a.heic"),
		strings.NewReader("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"))
	var r *policy.Refusal
	if !errors.As(err, &r) || !strings.Contains(r.En, "JPEG") || !strings.Contains(r.Zh, "JPEG") {
		t.Errorf("%v", err)
	}
}

func TestNamesAreMadeHarmless(t *testing.T) {
	w := newWorld(t)
	w.day = attach.Day{Count: 1000, Bytes: 1 << 30}
	w.restart()
	id := w.chat.NewConversation()
	ann := w.as(chattest.Ann)
	for name, want := range map[string]string{
		"a.pdf": "a.pdf", "a.pdf.exe": "a.pdf.exe.pdf", "\u202efdp.exe": "fdp.exe.pdf", "a\x00b\r\n.pdf": "ab.pdf", "": "file.pdf", "...": "file.pdf",
		`..\..\x.pdf`: "x.pdf", "/": "file.pdf", ".pdf": "pdf.pdf", `<img src=x>".pdf`: "img src=x.pdf", "a\xff.pdf": "a.pdf",
		strings.Repeat("长", 300) + ".pdf": strings.Repeat("长", 65) + ".pdf",
	} {
		info := ann.puts(id, attach.File, name, document(10))
		if info.Name != want {
			t.Errorf("%q becomes %q, want %q", name, info.Name, want)
		}
		if u, err := w.Upload(t.Context(), ann.Principal, id, info.ID); err != nil || u.Done == nil || u.Done.Name != want {
			t.Errorf("%q: asked again it is %+v, %v", name, u.Done, err)
		}
	}
}

func TestSizesAndDaysHaveLimits(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	ann, rob := w.as(chattest.Ann), w.as(chattest.Rob)
	for kind, most := range attach.MaxSize {
		p := ann.draft(id, kind, "x")
		if _, err := w.Begin(t.Context(), ann.Principal, p, most+1); !errors.Is(err, policy.ErrTooLarge) {
			t.Errorf("%s above its limit: %v", kind, err)
		}
		if _, err := w.Begin(t.Context(), ann.Principal, p, most); err != nil {
			t.Errorf("%s at its limit: %v", kind, err)
		}
		if _, err := w.Begin(t.Context(), ann.Principal, p, 0); !errors.Is(err, policy.ErrBadRequest) {
			t.Errorf("an empty %s: %v", kind, err)
		}
	}
	if _, err := w.Put(t.Context(), ann.Principal, ann.draft(id, attach.Video, "x"), bytes.NewReader(make([]byte, attach.MaxSmall+1))); !errors.Is(err, policy.ErrTooLarge) {
		t.Errorf("too much for one request: %v", err)
	}
	w.day = attach.Day{Count: 2, Bytes: 1 << 20}
	w.restart()
	for range 2 {
		rob.puts(id, attach.File, "a.pdf", document(100))
	}
	if _, err := w.Put(t.Context(), rob.Principal, rob.draft(id, attach.File, "a.pdf"), bytes.NewReader(document(100))); !errors.Is(err, policy.ErrRateLimited) {
		t.Errorf("a third on one day: %v", err)
	}
	w.store.Pass(24*time.Hour + time.Minute)
	rob.puts(id, attach.File, "a.pdf", document(100))
}

// One person has a few uploads at a time, and all together a bounded memory; whoever finds no room is told to come again.
func TestUploadsAtATimeAreBounded(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	ann, rob := w.as(chattest.Ann), w.as(chattest.Rob)
	w.Service = attach.New(attach.Config{Store: w.store, Sweeps: w.store, Bucket: w.bucket, Vault: w.chat.Vault, Chat: w.chat, Grants: w.grants,
		Memory: 3 * attach.MaxSmall, AtOnce: 2})
	hold, entered, done := make(chan struct{}), make(chan struct{}), make(chan error)
	put := func(p person) error {
		body := readerFunc(func(b []byte) (int, error) { entered <- struct{}{}; <-hold; return 0, errors.New("gone") })
		_, err := w.Put(t.Context(), p.Principal, p.draft(id, attach.File, "a.pdf"), body)
		return err
	}
	for _, p := range []person{ann, ann, rob} {
		go func() { done <- put(p) }()
		<-entered
	}
	for _, c := range []struct {
		who  person
		want error
	}{{ann, policy.ErrRateLimited}, {rob, policy.ErrUnavailable}} {
		err := put(c.who)
		var r *policy.Refusal
		if !errors.Is(err, c.want) || !errors.As(err, &r) || r.RetryAfter <= 0 {
			t.Errorf("%s: %v, want %v", c.who.Role, err, c.want)
		}
	}
	close(hold)
	for range 3 {
		if err := <-done; !errors.Is(err, policy.ErrUnavailable) {
			t.Errorf("cut off: %v", err)
		}
	}
	ann.puts(id, attach.File, "a.pdf", document(100))
}

// A picture that would take too much memory is taken without a thumbnail.
func TestALargePictureGetsNoThumbnail(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	m := image.NewPaletted(image.Rect(0, 0, 8000, 6000), color.Palette{color.Black, color.White})
	large := encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, m.SubImage(image.Rect(0, 0, 64, 64)), nil) })
	at := bytes.Index(large, []byte{0xff, 0xc0})
	large[at+1] = 0xc2 // progressive, as the header says it, and 48 megapixels
	binary.BigEndian.PutUint16(large[at+5:], 6000)
	binary.BigEndian.PutUint16(large[at+7:], 8000)
	if info := w.as(chattest.Ann).puts(id, attach.Picture, "a.jpg", large); info.Thumb || info.Width != 8000 {
		t.Errorf("%+v", info)
	}
}

func TestThumbnailsStandUpright(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	ann := w.as(chattest.Ann)
	m := image.NewRGBA(image.Rect(0, 0, 40, 20)) // red at the top left, blue at the top right, the rest green
	for y := range 20 {
		for x := range 40 {
			c := color.RGBA{0, 200, 0, 255}
			if y < 10 && x < 20 {
				c = color.RGBA{200, 0, 0, 255}
			} else if y < 10 {
				c = color.RGBA{0, 0, 200, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	plain := encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, m, &jpeg.Options{Quality: 100}) })
	for orientation, want := range map[byte]string{ // where the first pixel's colour is, and the top right one's
		1: "red tl blue tr", 2: "red tr blue tl", 3: "red br blue bl", 4: "red bl blue br", 5: "red tl blue bl", 6: "red tr blue br", 7: "red br blue tr", 8: "red bl blue tl",
	} {
		exif := "\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(rune(orientation)) + "\x00\x00\x00\x00\x00\x00"
		seq := ann.sends(id, attach.Picture, "a.jpg", []byte("\xff\xd8"+exif+string(plain[2:])))
		url, err := w.Open(t.Context(), ann.Principal, wire.AttachOpen{Conversation: string(id), Seq: seq, Thumb: true})
		if err != nil {
			t.Fatal(err)
		}
		b, err := w.follow(url)
		if err != nil {
			t.Fatal(err)
		}
		thumb, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if got := corners(thumb); got != want {
			t.Errorf("orientation %d: %s, want %s", orientation, got, want)
		}
	}
}

func corners(m image.Image) string {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	at := map[string]image.Point{"tl": {3, 3}, "tr": {w - 4, 3}, "bl": {3, h - 4}, "br": {w - 4, h - 4}}
	red, blue := "", ""
	for corner, p := range at {
		r, g, b, _ := m.At(p.X, p.Y).RGBA()
		switch {
		case r > 3*max(g, b)/2:
			red = corner
		case b > 3*max(r, g)/2:
			blue = corner
		}
	}
	return "red " + red + " blue " + blue
}

// A film of a phone, made by ffmpeg: sent, fetched back, and looked at with ffprobe.
func TestAFilmIsFetchedBackWithoutItsPlace(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no ffmpeg")
		}
		t.Skip("there is no ffmpeg")
	}
	w := newWorld(t)
	id := w.chat.NewConversation()
	dir := t.TempDir()
	for _, c := range []struct {
		name  string
		kind  attach.Kind
		media string
		args  []string
	}{
		{"way.mov", attach.Video, "video/quicktime", []string{"-f", "lavfi", "-i", "testsrc=size=96x64:rate=10", "-f", "lavfi", "-i", "sine=440", "-t", "1", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"}},
		{"said.m4a", attach.Voice, "audio/mp4", []string{"-f", "lavfi", "-i", "sine=440", "-t", "1", "-c:a", "aac"}},
		{"said.webm", attach.Voice, "audio/webm", []string{"-f", "lavfi", "-i", "sine=440", "-t", "1", "-c:a", "libopus", "-live", "1"}},
	} {
		in := filepath.Join(dir, c.name)
		args := append(append([]string{"-v", "error", "-nostdin"}, c.args...), "-metadata", "location="+secret, "-metadata", "com.apple.quicktime.location.ISO6709="+secret, in)
		if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
			t.Fatalf("ffmpeg: %v\n%s", err, out)
		}
		b, err := os.ReadFile(in)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(tags(t, in), "location") && !strings.Contains(tags(t, in), "LOCATION") {
			t.Fatalf("%s tells no place to begin with", c.name)
		}
		seq := w.as(chattest.Ann).sends(id, c.kind, c.name, b)
		back := filepath.Join(dir, "back-"+c.name)
		if err := os.WriteFile(back, w.as(chattest.Rob).reads(id, seq), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := strings.ToLower(tags(t, back)); strings.Contains(got, "location") || strings.Contains(got, "31.23") {
			t.Errorf("%s: the other gets %s", c.name, got)
		}
		var e wire.MediaContent
		unmarshal(t, w.chat.As(chattest.Rob).Sees(id, seq).Content, &e)
		if e.Media != c.media || e.Duration < 900 || e.Duration > 1200 {
			t.Errorf("%s: the entry says %+v", c.name, e)
		}
	}
	if _, err := w.Put(t.Context(), chattest.Ann, attach.Draft{Conversation: id, Kind: attach.Voice, Name: "v"}, mustOpen(t, filepath.Join(dir, "way.mov"))); !errors.Is(err, policy.ErrBadRequest) {
		t.Errorf("a film as voice: %v", err)
	}
	if _, err := w.Put(t.Context(), chattest.Ann, attach.Draft{Conversation: id, Kind: attach.Video, Name: "v"}, mustOpen(t, filepath.Join(dir, "said.m4a"))); !errors.Is(err, policy.ErrBadRequest) {
		t.Errorf("a voice as film: %v", err)
	}
}

func mustOpen(t testing.TB, file string) *os.File {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func tags(t testing.TB, file string) string {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "format_tags:stream_tags", "-of", "default=noprint_wrappers=1", file).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	return string(out)
}

// What the store gives back wrong is an error, never another file.
func TestADamagedObjectIsNotGivenOut(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	a, b := w.as(chattest.Ann).puts(id, attach.File, "a.pdf", document(200_000)), w.as(chattest.Ann).puts(id, attach.File, "b.pdf", document(200_000))
	objects := map[string]object.Key{}
	for _, i := range []attach.Info{a, b} {
		row, err := w.store.Load(t.Context(), i.ID)
		if err != nil {
			t.Fatal(err)
		}
		objects[i.Name] = row.Body
	}
	for name, change := range damages(objects["b.pdf"]) {
		w.Bucket = &changed{w.bucket, change}
		if got, err := readContent(w, a.ID); err == nil {
			t.Errorf("%s: %d bytes were given out", name, len(got))
		}
	}
	w.Bucket = w.bucket
	w.stored(a.ID)
}
