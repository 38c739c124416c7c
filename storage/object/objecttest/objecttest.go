package objecttest

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"parley/storage/object"
)

// Opener makes the stores of one test: each call returns one over the same, at first empty bucket, after the one
// before was closed, as after a restart.
type Opener func() object.Bucket

// Suite says what kind of store is tested.
type Suite struct {
	// Fresh is called once a test.
	Fresh func(t *testing.T) Opener
	// Under begins every key, for a store that wants it so.
	Under object.Key
	// Keeps says that the store locks what is put and refuses to delete it.
	Keeps bool
}

// Bucket runs the suite on a store that takes any key and deletes.
func Bucket(t *testing.T, fresh func(t *testing.T) Opener) { Suite{Fresh: fresh}.Run(t) }

// Run runs the suite.
func (s Suite) Run(t *testing.T) {
	tests := map[string]func(*testing.T, Opener){
		"WhatWasPutIsThereAfterARestart": whatWasPutIsThere,
		"KeysMayBeLong":                  func(t *testing.T, open Opener) { keysMayBeLong(t, open, object.MaxKey-len(s.Under)) },
		"RangesAreExact":                 rangesAreExact,
		"RangesBeyondTheEndAreRefused":   rangesBeyondTheEnd,
		"TheSameBytesSucceedAgain":       theSameBytesSucceedAgain,
		"OtherBytesConflict":             otherBytesConflict,
		"OneOfConcurrentPutsWins":        oneOfConcurrentPutsWins,
		"ConcurrentPutsOfTheSameSucceed": concurrentPutsOfTheSame,
		"AFileMustHaveItsSize":           aFileMustHaveItsSize,
		"AReaderThatFailsLeavesNothing":  aReaderThatFailsLeavesNothing,
		"WhatIsNotThereIsNotFound":       whatIsNotThere,
		"AnObjectMayStandBesideAFolder":  anObjectBesideAFolder,
		"ListIsInKeyOrder":               listIsInKeyOrder,
		"ListTakesAnyPrefix":             listTakesAnyPrefix,
		"ListStopsAtAnError":             listStopsAtAnError,
		"KeysAreChecked":                 keysAreChecked,
		"AnEndedContextIsRespected":      anEndedContextIsRespected,
	}
	if s.Keeps {
		tests["WhatIsDeletedIsKept"] = whatIsDeletedIsKept
	} else {
		tests["DeleteIsRepeatable"] = deleteIsRepeatable
		tests["AKeyIsFreeAfterDelete"] = aKeyIsFreeAfterDelete
		tests["PutsAndDeletesMayMeet"] = putsAndDeletesMayMeet
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the tests mostly wait for disks
			open := s.Fresh(t)
			f(t, func() object.Bucket { return under{open(), s.Under} })
		})
	}
}

func whatWasPutIsThere(t *testing.T, open Opener) {
	bodies := map[object.Key][]byte{
		"a": nil, "b/c": []byte("x"), "b/d.e_f-0": noise(3 << 20),
	}
	b := open()
	for key, body := range bodies {
		put(t, b, key, body)
	}
	for key, body := range bodies {
		wantBody(t, b, key, body)
	}
	b = open()
	for key, body := range bodies {
		wantBody(t, b, key, body)
	}
}

func keysMayBeLong(t *testing.T, open Opener, longest int) {
	b := open()
	for _, key := range []object.Key{object.Key(strings.Repeat("k", longest)), "long/" + object.Key(strings.Repeat("k", longest-5))} {
		put(t, b, key, []byte("long"))
		wantBody(t, b, key, []byte("long"))
	}
}

func rangesAreExact(t *testing.T, open Opener) {
	b, body := open(), noise(1000)
	put(t, b, "k", body)
	for _, r := range [][2]int64{{0, 1000}, {0, 1}, {999, 1}, {500, 250}, {0, 0}, {1000, 0}, {0, -1}, {600, -1}, {1000, -1}} {
		want := body[r[0]:]
		if r[1] >= 0 {
			want = want[:r[1]]
		}
		if got, err := get(t.Context(), b, "k", r[0], r[1]); err != nil || !bytes.Equal(got, want) {
			t.Errorf("range %v: %d bytes, %v; want %d bytes", r, len(got), err, len(want))
		}
	}
}

func rangesBeyondTheEnd(t *testing.T, open Opener) {
	b := open()
	put(t, b, "k", noise(10))
	for _, r := range [][2]int64{{0, 11}, {10, 1}, {11, 0}, {11, -1}, {-1, 2}, {-1, -1}, {1 << 62, 1 << 62}} {
		if _, err := get(t.Context(), b, "k", r[0], r[1]); err == nil {
			t.Errorf("range %v was read", r)
		}
	}
}

func theSameBytesSucceedAgain(t *testing.T, open Opener) {
	body := noise(1 << 20)
	put(t, open(), "k", body)
	b := open()
	put(t, b, "k", body)
	if err := b.PutFile(t.Context(), "k", bytes.NewReader(body), int64(len(body))); err != nil {
		t.Error(err)
	}
	wantBody(t, b, "k", body)
}

func otherBytesConflict(t *testing.T, open Opener) {
	b, body := open(), noise(100)
	put(t, b, "k", body)
	flipped := slices.Clone(body)
	flipped[50] ^= 1
	for name, other := range map[string][]byte{"flipped": flipped, "shorter": body[:99], "longer": append(slices.Clone(body), 0), "empty": nil} {
		if err := b.Put(t.Context(), "k", other); !errors.Is(err, object.ErrConflict) {
			t.Errorf("%s: %v, want %v", name, err, object.ErrConflict)
		}
	}
	wantBody(t, b, "k", body)
}

func oneOfConcurrentPutsWins(t *testing.T, open Opener) {
	b := open()
	const writers = 8
	bodies, errs := make([][]byte, writers), make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		bodies[i] = noise(64 << 10)
		wg.Go(func() { errs[i] = b.Put(t.Context(), "k", bodies[i]) })
	}
	wg.Wait()
	winner := slices.Index(errs, nil)
	for i, err := range errs {
		if i != winner && !errors.Is(err, object.ErrConflict) {
			t.Errorf("writer %d: %v, want %v", i, err, object.ErrConflict)
		}
	}
	if winner < 0 {
		t.Fatal("nobody won")
	}
	wantBody(t, b, "k", bodies[winner])
	wantBody(t, open(), "k", bodies[winner])
}

func concurrentPutsOfTheSame(t *testing.T, open Opener) {
	b, body := open(), noise(64<<10)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { put(t, b, "k", body) })
	}
	wg.Wait()
	wantBody(t, b, "k", body)
}

func aFileMustHaveItsSize(t *testing.T, open Opener) {
	b, body := open(), noise(100)
	for _, size := range []int64{0, 99, 101} {
		if err := b.PutFile(t.Context(), "k", bytes.NewReader(body), size); err == nil {
			t.Errorf("a file of 100 bytes was put as %d", size)
		}
	}
	wantAbsent(t, b, "k")
}

func aReaderThatFailsLeavesNothing(t *testing.T, open Opener) {
	b, broken := open(), errors.New("reader: broken")
	if err := b.PutFile(t.Context(), "k", failing{broken}, 100); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	wantAbsent(t, b, "k")
}

type failing struct{ err error }

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off > 50 {
		return 0, f.err
	}
	return min(len(p), 50), f.err
}

func whatIsNotThere(t *testing.T, open Opener) {
	b := open()
	put(t, b, "a/b", []byte("x"))
	for _, key := range []object.Key{"b", "a", "a/b/c", "a/c"} {
		wantAbsent(t, b, key)
	}
}

func deleteIsRepeatable(t *testing.T, open Opener) {
	b := open()
	put(t, b, "a/b/c", []byte("x"))
	put(t, b, "a/d", []byte("y"))
	for _, key := range []object.Key{"a/b/c", "a/b/c", "never", "never/there", "a/d/e"} {
		if err := b.Delete(t.Context(), key); err != nil {
			t.Errorf("delete %s: %v", key, err)
		}
	}
	b = open()
	wantAbsent(t, b, "a/b/c")
	wantBody(t, b, "a/d", []byte("y"))
}

func whatIsDeletedIsKept(t *testing.T, open Opener) {
	b := open()
	put(t, b, "a/b", []byte("x"))
	for range 2 {
		if err := b.Delete(t.Context(), "a/b"); !errors.Is(err, object.ErrLocked) {
			t.Errorf("delete: %v, want %v", err, object.ErrLocked)
		}
		wantBody(t, b, "a/b", []byte("x"))
	}
	for _, key := range []object.Key{"a", "a/c", "never/there"} {
		if err := b.Delete(t.Context(), key); err != nil {
			t.Errorf("delete %s: %v", key, err)
		}
	}
}

func aKeyIsFreeAfterDelete(t *testing.T, open Opener) {
	b := open()
	put(t, b, "a/b", []byte("x"))
	if err := b.Delete(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	put(t, b, "a/b", []byte("other"))
	wantBody(t, b, "a/b", []byte("other"))
}

func anObjectBesideAFolder(t *testing.T, open Opener) {
	b := open()
	put(t, b, "a", []byte("1"))
	put(t, b, "a/b", []byte("2"))
	put(t, b, "a/b/c", []byte("3"))
	wantBody(t, b, "a", []byte("1"))
	wantBody(t, b, "a/b", []byte("2"))
	wantBody(t, b, "a/b/c", []byte("3"))
}

var listed = []object.Key{"a", "a-b", "a.b", "a/-", "a/b", "a/b/c", "a/b0", "a0", "a_", "ab", "b/c", "b/c.d"}

func listIsInKeyOrder(t *testing.T, open Opener) {
	b := open()
	for _, i := range rand.Perm(len(listed)) {
		put(t, b, listed[i], []byte(listed[i]))
	}
	var keys []object.Key
	err := b.List(t.Context(), "", func(i object.Info) error {
		keys = append(keys, i.Key)
		if i.Size != int64(len(i.Key)) || i.SHA256 != sha256.Sum256([]byte(i.Key)) {
			t.Errorf("%s: size %d or hash is wrong", i.Key, i.Size)
		}
		return nil
	})
	if err != nil || !slices.Equal(keys, listed) {
		t.Errorf("listed %v, %v; want %v", keys, err, listed)
	}
}

func listTakesAnyPrefix(t *testing.T, open Opener) {
	b := open()
	for _, key := range listed {
		put(t, b, key, nil)
	}
	for _, prefix := range []object.Key{"", "a", "a/", "a/b", "a/b/", "a/b/c", "b", "b/c", "b/c.", "c", "c/d", "a/b/c/d"} {
		var want, got []object.Key
		for _, key := range listed {
			if strings.HasPrefix(string(key), string(prefix)) {
				want = append(want, key)
			}
		}
		err := b.List(t.Context(), prefix, func(i object.Info) error { got = append(got, i.Key); return nil })
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("prefix %q: %v, %v; want %v", prefix, got, err, want)
		}
	}
}

func listStopsAtAnError(t *testing.T, open Opener) {
	b, enough, calls := open(), errors.New("enough"), 0
	for _, key := range listed {
		put(t, b, key, nil)
	}
	err := b.List(t.Context(), "", func(object.Info) error {
		if calls++; calls == 5 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || calls != 5 {
		t.Errorf("%d calls, %v; want 5 and %v", calls, err, enough)
	}
}

func keysAreChecked(t *testing.T, open Opener) {
	b := open()
	for _, key := range []object.Key{"", "/a", "a/", "a//b", ".", "..", "a/../b", "../../a", "a/./b", "A", "ä", "a b",
		"a\x00", "a\\b", "=a", "a:b", object.Key(strings.Repeat("k", 201))} {
		if err := b.Put(t.Context(), key, nil); !errors.Is(err, object.ErrKey) {
			t.Errorf("put %q: %v, want %v", key, err, object.ErrKey)
		}
		if _, err := b.Stat(t.Context(), key); !errors.Is(err, object.ErrKey) {
			t.Errorf("stat %q: %v, want %v", key, err, object.ErrKey)
		}
		if err := b.Delete(t.Context(), key); !errors.Is(err, object.ErrKey) {
			t.Errorf("delete %q: %v, want %v", key, err, object.ErrKey)
		}
	}
	if err := b.List(t.Context(), "../", func(object.Info) error { t.Error("listed"); return nil }); err != nil {
		t.Errorf("list: %v", err)
	}
}

func putsAndDeletesMayMeet(t *testing.T, open Opener) {
	b := open()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 20 {
				mine := object.Key(fmt.Sprintf("shared/folder/%d", i))
				put(t, b, mine, []byte{byte(j)})
				if err := b.Delete(t.Context(), mine); err != nil {
					t.Errorf("delete: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func anEndedContextIsRespected(t *testing.T, open Opener) {
	b := open()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Put(ctx, "k", []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v, want %v", err, context.Canceled)
	}
	wantAbsent(t, b, "k")
}

func put(t *testing.T, b object.Bucket, key object.Key, body []byte) {
	t.Helper()
	if err := b.Put(t.Context(), key, body); err != nil {
		t.Errorf("put: %v", err)
	}
}

func get(ctx context.Context, b object.Bucket, key object.Key, offset, length int64) ([]byte, error) {
	r, err := b.Get(ctx, key, offset, length)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r)
	return body, errors.Join(err, r.Close())
}

func wantBody(t *testing.T, b object.Bucket, key object.Key, body []byte) {
	t.Helper()
	if got, err := get(t.Context(), b, key, 0, -1); err != nil || !bytes.Equal(got, body) {
		t.Errorf("get %s: %d bytes, %v; want %d bytes", key, len(got), err, len(body))
	}
	want := object.Info{Key: key, Size: int64(len(body)), SHA256: sha256.Sum256(body)}
	if got, err := b.Stat(t.Context(), key); err != nil || got != want {
		t.Errorf("stat %s: %v, %v; want %v", key, got, err, want)
	}
}

func wantAbsent(t *testing.T, b object.Bucket, key object.Key) {
	t.Helper()
	if _, err := b.Stat(t.Context(), key); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("stat %s: %v, want %v", key, err, object.ErrNotFound)
	}
	if _, err := b.Get(t.Context(), key, 0, -1); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("get %s: %v, want %v", key, err, object.ErrNotFound)
	}
}

// noise is so many bytes that differ from call to call.
func noise(n int) []byte {
	b := make([]byte, n)
	crand.Read(b)
	return b
}
