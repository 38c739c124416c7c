package attach_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"parley/chat"
	"parley/chat/attach"
	"parley/chat/attach/attachtest"
	"parley/chat/chattest"
	"parley/internal/policy"
	"parley/storage/object"
	"parley/storage/object/fs"
)

// film is an MP4 of about so many bytes: a head, data that is noise, and at the end what tells of it, a place among it.
func film(size int64) io.ReaderAt { return newFilm(size) }

type noise struct {
	head, tail string
	size       int64
}

func newFilm(size int64) *noise {
	box := func(kind string, parts ...string) string {
		body := strings.Join(parts, "")
		return string(binary.BigEndian.AppendUint32(nil, uint32(len(body)+8))) + kind + body
	}
	u32 := func(vs ...uint32) string {
		var b []byte
		for _, v := range vs {
			b = binary.BigEndian.AppendUint32(b, v)
		}
		return string(b)
	}
	trak := box("trak", box("tkhd", u32(3, 0, 0, 1, 0, 100), strings.Repeat("\x00", 16), u32(1<<16, 0, 0, 0, 1<<16, 0, 0, 0, 1<<30), u32(96<<16, 64<<16)),
		box("mdia", box("mdhd", u32(0, 0, 0, 1000, 2500, 0)), box("hdlr", u32(0, 0), "vide", u32(0, 0, 0))))
	tail := box("moov", box("mvhd", u32(0, 0, 0, 1000, 2500, 0)), trak, box("udta", box("\xa9xyz", secret)))
	head := box("ftyp", "isom", u32(0), "isommp42")
	data := size - int64(len(head)+8+len(tail))
	return &noise{head: head + u32(uint32(data+8)) + "mdat", tail: tail, size: size}
}

// period is noise that begins anew after a length that fits no block.
var period = func() []byte {
	b := make([]byte, 99_991)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}()

// ReadAt implements io.ReaderAt.
func (n *noise) ReadAt(p []byte, off int64) (int, error) {
	k, tail := 0, n.size-int64(len(n.tail))
	for k < len(p) {
		switch at := off + int64(k); {
		case at >= n.size:
			return k, io.EOF
		case at < int64(len(n.head)):
			k += copy(p[k:], n.head[at:])
		case at >= tail:
			k += copy(p[k:], n.tail[at-tail:])
		default:
			data := period[at%int64(len(period)):]
			k += copy(p[k:], data[:min(int64(len(data)), tail-at)])
		}
	}
	return k, nil
}

// sameButThePlace says whether got is the film without the place.
func sameButThePlace(t testing.TB, got []byte, f *noise) {
	t.Helper()
	want := make([]byte, f.size)
	if _, err := f.ReadAt(want, 0); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(want, []byte("udta"))
	copy(want[at:], "free")
	clear(want[at+4:])
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d; or they differ", len(got), len(want))
	}
}

func TestALargeFileComesInParts(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	ann := w.as(chattest.Ann)
	f := newFilm(11<<20 + 12345)
	u, err := w.Begin(t.Context(), ann.Principal, ann.draft(id, attach.Video, "way.mp4"), f.size)
	if err != nil || u.Offset != 0 || u.Size != f.size {
		t.Fatalf("%+v, %v", u, err)
	}
	for _, to := range []int64{300 << 10, 6 << 20, 6<<20 + 256<<10, f.size} {
		body := io.NewSectionReader(f, u.Offset, to-u.Offset)
		if u, err = w.Append(t.Context(), ann.Principal, id, u.ID, u.Offset, iotest.HalfReader(body)); err != nil || u.Offset != to {
			t.Fatalf("up to %d: %+v, %v", to, u, err)
		}
	}
	if u.Done == nil || u.Done.Media != "video/mp4" || u.Done.Size != f.size || u.Done.DurationMS != 2500 || u.Done.Width != 96 || u.Done.Name != "way.mp4" {
		t.Fatalf("done: %+v", u.Done)
	}
	sameButThePlace(t, w.stored(u.ID), f)
	for what, again := range map[string]func() (attach.Upload, error){
		"asking": func() (attach.Upload, error) { return w.Upload(t.Context(), ann.Principal, id, u.ID) },
		"appending": func() (attach.Upload, error) {
			return w.Append(t.Context(), ann.Principal, id, u.ID, f.size, strings.NewReader(""))
		},
	} {
		if got, err := again(); err != nil || got.Done == nil || *got.Done != *u.Done || got.Offset != f.size {
			t.Errorf("%s again: %+v, %v", what, got, err)
		}
	}
	w.chat.As(ann.Principal).Send(id, chat.TypeVideo, map[string]string{"attachment": string(u.ID)})
	if left := w.swept(); len(left) != 1 || !strings.HasPrefix(string(left[0]), "attachment/") {
		t.Errorf("left in the store: %v", left)
	}
}

func TestWhatIsCutOffGoesOnWhereItStopped(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	ann := w.as(chattest.Ann)
	f := newFilm(9 << 20)
	u, err := w.Begin(t.Context(), ann.Principal, ann.draft(id, attach.Video, "v.mp4"), f.size)
	if err != nil {
		t.Fatal(err)
	}
	cut := func(from, to int64) io.Reader {
		return io.MultiReader(io.NewSectionReader(f, from, to-from), iotest.ErrReader(errors.New("connection lost")))
	}
	for _, c := range []struct{ to, want int64 }{
		{100 << 10, 0},         // too little to keep
		{300 << 10, 300 << 10}, // kept although it was cut off
		{5 << 20, 5 << 20},
	} {
		_, err := w.Append(t.Context(), ann.Principal, id, u.ID, u.Offset, cut(u.Offset, c.to))
		if !errors.Is(err, policy.ErrUnavailable) {
			t.Fatalf("cut off at %d: %v", c.to, err)
		}
		if u, err = w.Upload(t.Context(), ann.Principal, id, u.ID); err != nil || u.Offset != c.want {
			t.Fatalf("cut off at %d: %+v, %v; want %d", c.to, u, err, c.want)
		}
	}
	// The request ends with its client; what came is kept all the same.
	gone, cancel := context.WithCancel(t.Context())
	leaving := io.MultiReader(io.NewSectionReader(f, u.Offset, 1<<20), readerFunc(func([]byte) (int, error) { cancel(); return 0, context.Canceled }))
	if _, err := w.Append(gone, ann.Principal, id, u.ID, u.Offset, leaving); err == nil {
		t.Error("a request whose client is gone succeeded")
	}
	for _, offset := range []int64{0, 5 << 20, 7 << 20} {
		if _, err := w.Append(t.Context(), ann.Principal, id, u.ID, offset, strings.NewReader("x")); !errors.Is(err, policy.ErrConflict) {
			t.Errorf("going on at %d: %v", offset, err)
		}
	}
	w.restart()
	u, err = w.Append(t.Context(), ann.Principal, id, u.ID, 6<<20, io.NewSectionReader(f, 6<<20, f.size))
	if err != nil || u.Done == nil {
		t.Fatalf("%+v, %v", u, err)
	}
	sameButThePlace(t, w.stored(u.ID), f)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestMoreThanWasAnnouncedIsRefused(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	ann := w.as(chattest.Ann)
	b := document(1000)
	u, err := w.Begin(t.Context(), ann.Principal, ann.draft(id, attach.File, "a.pdf"), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(t.Context(), ann.Principal, id, u.ID, 0, io.MultiReader(bytes.NewReader(b), strings.NewReader("more"))); !errors.Is(err, policy.ErrTooLarge) {
		t.Errorf("error %v", err)
	}
	if u, err = w.Append(t.Context(), ann.Principal, id, u.ID, int64(len(b)), strings.NewReader("")); err != nil || u.Done == nil {
		t.Errorf("what was announced is there all the same: %+v, %v", u, err)
	}
}

// The first part shows what a file is: nobody uploads 200 MB to learn that it is not taken.
func TestAFileThatIsNotTakenIsRefusedAtItsFirstPart(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	ann := w.as(chattest.Ann)
	u, err := w.Begin(t.Context(), ann.Principal, ann.draft(id, attach.Video, "v.mp4"), 100<<20)
	if err != nil {
		t.Fatal(err)
	}
	program := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 5<<20)...)
	if _, err := w.Append(t.Context(), ann.Principal, id, u.ID, 0, bytes.NewReader(program)); !errors.Is(err, policy.ErrBadRequest) {
		t.Errorf("error %v", err)
	}
	if left := w.objects(); len(left) != 0 {
		t.Errorf("kept: %v", left)
	}
}

// Two requests of one upload, as when a client believes the first one lost: the file is whole, and there is one.
func TestTwoRequestsOfOneUploadMakeOneFile(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	ann := w.as(chattest.Ann)
	f := newFilm(9 << 20)
	u, err := w.Begin(t.Context(), ann.Principal, ann.draft(id, attach.Video, "v.mp4"), f.size)
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		attach.Upload
		err error
	}
	answers := make(chan answer)
	for range 3 {
		go func() {
			u, err := w.Append(t.Context(), ann.Principal, id, u.ID, 0, io.NewSectionReader(f, 0, f.size))
			answers <- answer{u, err}
		}()
	}
	done := 0
	for range 3 {
		if a := <-answers; a.err == nil && a.Done != nil {
			done++
		} else if !errors.Is(a.err, policy.ErrConflict) {
			t.Errorf("%+v, %v", a.Upload, a.err)
		}
	}
	if done == 0 {
		t.Error("none came to the end")
	}
	sameButThePlace(t, w.stored(u.ID), f)
	if err := w.store.Use(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	if left := w.swept(); len(left) != 1 {
		t.Errorf("left in the store: %v", left)
	}
}

// above is the heap's highest mark, of what is in use, over what it was when the upload began.
type above struct {
	object.Bucket
	base, most uint64
}

func (a *above) look() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > a.base {
		a.most = max(a.most, m.HeapAlloc-a.base)
	}
}

// PutFile implements object.Bucket.
func (a *above) PutFile(ctx context.Context, key object.Key, r io.ReaderAt, size int64) error {
	a.look()
	err := a.Bucket.PutFile(ctx, key, r, size)
	a.look()
	return err
}

// Get implements object.Bucket.
func (a *above) Get(ctx context.Context, key object.Key, offset, length int64) (io.ReadCloser, error) {
	a.look()
	return a.Bucket.Get(ctx, key, offset, length)
}

func TestALargeFileIsNeverWholeInMemory(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	ann := w.as(chattest.Ann)
	const size = 48 << 20
	u, err := w.Begin(t.Context(), ann.Principal, ann.draft(id, attach.Video, "v.mp4"), size)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	disk, err := fs.Open(t.TempDir(), fs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	watch := &above{Bucket: disk, base: m.HeapAlloc}
	w.Bucket = watch
	if u, err = w.Append(t.Context(), ann.Principal, id, u.ID, 0, io.NewSectionReader(film(size), 0, size)); err != nil || u.Done == nil {
		t.Fatalf("%+v, %v", u, err)
	}
	if watch.most > 32<<20 || watch.most == 0 {
		t.Errorf("an upload of %d MiB took %d MiB", size>>20, watch.most>>20)
	}
	t.Logf("an upload of %d MiB took at most %d KiB at a time", size>>20, watch.most>>10)
}

// fault is one row of the tables: the call of that number, of the store and the bucket together, ends so; then the process goes on
// or is another.
type fault struct {
	call    int
	how     attachtest.Fault
	restart bool
}

func (f fault) String() string {
	return fmt.Sprintf("call %d ends as %d, restart %v", f.call, f.how, f.restart)
}

// faults runs do for each row until a call is beyond the last.
func faults(t *testing.T, do func(t *testing.T, w *world, f fault)) {
	for call := 1; ; call++ {
		reached := false
		for _, how := range []attachtest.Fault{attachtest.Fails, attachtest.FailsPersisted} {
			for _, restart := range []bool{false, true} {
				f, w := fault{call, how, restart}, newWorld(t)
				do(t, w, f)
				reached = reached || w.faults.Calls() >= call
			}
		}
		if !reached {
			t.Logf("%d calls, each failed in every way", call-1)
			return
		}
	}
}

// left expects that of an attachment that was sent exactly these stay, and that nothing else does.
func left(t *testing.T, w *world, f fault, id attach.ID, objects int) {
	t.Helper()
	w.faults.Plan(0, attachtest.Works)
	if err := w.store.Use(t.Context(), id); err != nil {
		t.Fatalf("%v: %v", f, err)
	}
	if left := w.swept(); len(left) != objects {
		t.Errorf("%v: left in the store: %v, want %d", f, left, objects)
	}
}

func TestASmallUploadSurvivesEveryFault(t *testing.T) {
	in := photo(t, 60, 40)
	faults(t, func(t *testing.T, w *world, f fault) {
		id := w.chat.NewConversation()
		ann := w.as(chattest.Ann)
		put := func() (attach.Info, error) {
			return w.Put(t.Context(), ann.Principal, ann.draft(id, attach.Picture, "me.jpg"), bytes.NewReader(in))
		}
		w.faults.Plan(f.call, f.how)
		info, err := put()
		calls := w.faults.Calls()
		if calls >= f.call && err == nil {
			t.Errorf("%v: no error", f)
		}
		w.faults.Plan(0, attachtest.Works)
		if err != nil {
			if f.restart {
				w.restart()
			}
			if info, err = put(); err != nil {
				t.Fatalf("%v: another try: %v", f, err)
			}
		}
		if got := w.stored(info.ID); bytes.Contains(got, []byte(secret)) || int64(len(got)) != info.Size {
			t.Errorf("%v: %d bytes, want %d", f, len(got), info.Size)
		}
		left(t, w, f, info.ID, 2)
		w.faults.Reached(calls)
	})
}

func TestAnUploadInPartsSurvivesEveryFault(t *testing.T) {
	film := newFilm(600 << 10)
	faults(t, func(t *testing.T, w *world, f fault) {
		id := w.chat.NewConversation()
		ann := w.as(chattest.Ann)
		w.faults.Plan(f.call, f.how)
		var u attach.Upload
		failed, err := false, error(nil)
		for try := 0; u.Done == nil; try++ {
			if u.ID == "" {
				u, err = w.Begin(t.Context(), ann.Principal, ann.draft(id, attach.Video, "v.mp4"), film.size)
			} else if u, err = w.Upload(t.Context(), ann.Principal, id, u.ID); err == nil && u.Done == nil {
				u, err = w.Append(t.Context(), ann.Principal, id, u.ID, u.Offset, io.NewSectionReader(film, u.Offset, 300<<10))
			}
			if failed = failed || err != nil; err != nil && f.restart {
				w.restart()
			}
			if try > 8 {
				t.Fatalf("%v: it comes to no end: %+v, %v", f, u, err)
			}
		}
		calls := w.faults.Calls()
		if calls >= f.call && !failed {
			t.Errorf("%v: no error", f)
		}
		w.faults.Plan(0, attachtest.Works)
		sameButThePlace(t, w.stored(u.ID), film)
		left(t, w, f, u.ID, 1)
		w.faults.Reached(calls)
	})
}

func TestASweepSurvivesEveryFault(t *testing.T) {
	faults(t, func(t *testing.T, w *world, f fault) {
		id := w.chat.NewConversation()
		ann := w.as(chattest.Ann)
		for range 2 {
			ann.puts(id, attach.Picture, "me.jpg", photo(t, 20, 10))
		}
		kept := ann.sends(id, attach.File, "a.pdf", document(100))
		w.store.Pass(attach.Life + attach.Put)
		w.faults.Plan(f.call, f.how)
		err := w.SweepOnce(t.Context())
		calls := w.faults.Calls()
		if calls >= f.call && err == nil {
			t.Errorf("%v: no error", f)
		}
		if f.restart {
			w.restart()
		}
		w.faults.Plan(0, attachtest.Works)
		if err := w.SweepOnce(t.Context()); err != nil {
			t.Fatalf("%v: %v", f, err)
		}
		if left := w.objects(); len(left) != 1 {
			t.Errorf("%v: left in the store: %v", f, left)
		}
		ann.reads(id, kept)
		w.faults.Reached(calls)
	})
}

// Seeded: random cuts, random faults, random restarts; what comes out is what went in.
func TestUploadsUnderRandomFaults(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	for range 6 {
		w := newWorld(t)
		id := w.chat.NewConversation()
		ann := w.as(chattest.Ann)
		film := newFilm(1<<20 + r.Int64N(4<<20))
		var u attach.Upload
		for try := 0; u.Done == nil; try++ {
			if try > 200 {
				t.Fatalf("seed %d: it comes to no end", seed)
			}
			w.faults.Plan(1+r.IntN(60), attachtest.Fault(1+r.IntN(2)))
			if r.IntN(3) == 0 {
				w.restart()
			}
			var err error
			if u.ID == "" {
				u, _ = w.Begin(t.Context(), ann.Principal, ann.draft(id, attach.Video, "v.mp4"), film.size)
				continue
			}
			was := u.ID
			if u, err = w.Upload(t.Context(), ann.Principal, id, u.ID); err != nil || u.Done != nil {
				u.ID = was
				continue
			}
			n := min(film.size-u.Offset, 256<<10+r.Int64N(2<<20))
			u, _ = w.Append(t.Context(), ann.Principal, id, was, u.Offset, io.NewSectionReader(film, u.Offset, n))
			u.ID = was
		}
		w.faults.Plan(0, attachtest.Works)
		sameButThePlace(t, w.stored(u.ID), film)
		left(t, w, fault{}, u.ID, 1)
	}
	t.Logf("seed %d", seed)
}

// A store that keeps what it has is swept like any other: its objects go when their lock ends.
func TestALockedStoreIsSwept(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	w.as(chattest.Ann).puts(id, attach.File, "a.pdf", document(100))
	w.Bucket = locked{w.bucket}
	if left := w.swept(); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	if orphans, err := w.store.Orphans(t.Context(), 10); err != nil || len(orphans) != 0 {
		t.Errorf("still to be deleted: %v, %v", orphans, err)
	}
}

type locked struct{ object.Bucket }

func (locked) Delete(context.Context, object.Key) error { return object.ErrLocked }
