package attach

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"parley/storage/keys"
	"parley/storage/object"
)

// shelf is a bucket of one object.
type shelf struct {
	object.Bucket
	b []byte
}

// Get implements [object.Bucket].
func (s shelf) Get(_ context.Context, _ object.Key, offset, length int64) (io.ReadCloser, error) {
	if offset < 0 || length < 0 || offset+length > int64(len(s.b)) {
		return nil, object.ErrRange
	}
	return io.NopCloser(bytes.NewReader(s.b[offset : offset+length])), nil
}

func sealOf(t testing.TB, o object.Key, plain []byte) (*sealer, []byte) {
	t.Helper()
	s, err := newSealer(keys.Key{1}, o, int64(len(plain)))
	if err != nil {
		t.Fatal(err)
	}
	sealed := s.seal(bytes.NewReader(plain))
	out, err := io.ReadAll(io.NewSectionReader(sealed, 0, sealed.Size()))
	if err != nil || int64(len(out)) != sealedLength(int64(len(plain))) {
		t.Fatalf("%d bytes, %v", len(out), err)
	}
	return s, out
}

func TestBlocksAreReadFromAnywhere(t *testing.T) {
	for _, size := range []int{1, blockSize - 1, blockSize, blockSize + 1, 3 * blockSize, stretch*blockSize + 5} {
		plain := make([]byte, size)
		for i := range plain {
			plain[i] = byte(rand.Uint32())
		}
		s, sealed := sealOf(t, "attachment/a", plain)
		r := &reader{sealer: s, ctx: t.Context(), bucket: shelf{b: sealed}}
		for range 40 {
			at, n := rand.IntN(size+1), rand.IntN(2*blockSize)
			got := make([]byte, n)
			k, err := r.ReadAt(got, int64(at))
			if want := plain[at:min(size, at+n)]; !bytes.Equal(got[:k], want) || (err == nil) != (k == n) {
				t.Fatalf("%d bytes at %d of %d: %d bytes, %v", n, at, size, k, err)
			}
		}
		for _, c := range []struct {
			offset int64
			whence int
			want   int64
		}{{0, io.SeekEnd, int64(size)}, {-1, io.SeekEnd, int64(size) - 1}, {0, io.SeekStart, 0}, {1, io.SeekCurrent, 1}} {
			if at, err := r.Seek(c.offset, c.whence); err != nil || at != c.want {
				t.Errorf("seek %d, %d: %d, %v", c.offset, c.whence, at, err)
			}
		}
		if _, err := r.Seek(-1, io.SeekStart); err == nil {
			t.Error("sought before the beginning")
		}
	}
}

// A range is read without the rest: of 100 blocks a few are fetched.
func TestARangeFetchesNoMoreThanAStretch(t *testing.T) {
	s, sealed := sealOf(t, "attachment/a", make([]byte, 100*blockSize))
	counted := &counting{shelf: shelf{b: sealed}}
	r := &reader{sealer: s, ctx: t.Context(), bucket: counted}
	if _, err := r.ReadAt(make([]byte, 10), 50*blockSize+7); err != nil || counted.fetched != stretch*sealedSize {
		t.Errorf("%d bytes were fetched, %v", counted.fetched, err)
	}
}

type counting struct {
	shelf
	fetched int64
}

// Get implements [object.Bucket].
func (c *counting) Get(ctx context.Context, k object.Key, offset, length int64) (io.ReadCloser, error) {
	c.fetched += length
	return c.shelf.Get(ctx, k, offset, length)
}

// No two objects are sealed with one key, whatever they hold.
func TestEachObjectHasAKeyOfItsOwn(t *testing.T) {
	plain := make([]byte, 1000)
	_, a := sealOf(t, "attachment/a", plain)
	s, b := sealOf(t, "attachment/b", plain)
	if bytes.Equal(a, b) {
		t.Error("two objects are sealed alike")
	}
	if _, err := s.open(nil, a, 0); err == nil {
		t.Error("an object opens with another's key")
	}
}

// FuzzBlocks opens what a fuzzer makes of an object: what opens is what was sealed.
func FuzzBlocks(f *testing.F) {
	plain := bytes.Repeat([]byte("0123456789"), blockSize/4) // two blocks and a half
	s, sealed := sealOf(f, "attachment/a", plain)
	f.Add(0, byte(0), len(sealed))
	f.Add(sealedSize, byte(1), len(sealed))
	f.Add(3, byte(0), sealedSize)
	f.Fuzz(func(t *testing.T, at int, flip byte, cut int) {
		b := bytes.Clone(sealed)
		if at >= 0 && at < len(b) {
			b[at] ^= flip
		}
		b = b[:max(0, min(cut, len(b)))]
		r := &reader{sealer: s, ctx: t.Context(), bucket: shelf{b: b}}
		got, err := io.ReadAll(r)
		if err == nil && !bytes.Equal(got, plain) || !bytes.HasPrefix(plain, got) {
			t.Fatalf("%d bytes of something else, %v", len(got), err)
		}
		if bytes.Equal(b, sealed) != (err == nil) {
			t.Fatalf("changed %v, error %v", !bytes.Equal(b, sealed), err)
		}
	})
}

// FuzzName makes a name of anything: it is one of a file, not of a folder, and of its form.
func FuzzName(f *testing.F) {
	for _, s := range []string{"a.pdf", "../a", "\u202e", "长.PDF", "a\xff", "CON", "   .pdf"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := cleanName(s, File, []string{".pdf", ".p"})
		if len(got) > MaxName || len(got) < 3 || bytes.ContainsAny([]byte(got), "/\\\x00\r\n\"<>") || got[0] == '.' {
			t.Fatalf("%q becomes %q", s, got)
		}
		if again := cleanName(got, File, []string{".pdf", ".p"}); again != got {
			t.Fatalf("%q becomes %q and then %q", s, got, again)
		}
	})
}

// FuzzSniff tells of any bytes what they are, and takes only what is on the list.
func FuzzSniff(f *testing.F) {
	for _, s := range []string{"%PDF-1.4", "<html>", "\x89PNG\r\n\x1a\n", "GIF89a", "hello", "PK\x03\x04", "\x00\x00\x00\x18ftypheic"} {
		f.Add([]byte(s), "a.txt")
	}
	f.Fuzz(func(t *testing.T, head []byte, name string) {
		form, err := sniff(File, name, head)
		if err == nil && (form.media == "" || len(form.names) == 0) || err == nil && form.media == "text/html" {
			t.Fatalf("%+v", form)
		}
		if _, err := examine(File, name, bytes.NewReader(head), int64(len(head))); err != nil && !isRefusal(err) {
			t.Fatal(err)
		}
	})
}

func isRefusal(err error) bool {
	for _, r := range []error{errEmpty, errDamaged, errDimensions} {
		if errors.Is(err, r) {
			return true
		}
	}
	return false
}
