package seqmap

import (
	"math/rand/v2"
	"testing"
)

func TestWindowTellsRepeatsFromNews(t *testing.T) {
	type step struct {
		seq  uint16
		ext  uint64
		want Verdict
	}
	for name, steps := range map[string][]step{
		"in order":            {{10, 10, Fresh}, {11, 11, Fresh}, {12, 12, Fresh}},
		"repeat":              {{10, 10, Fresh}, {11, 11, Fresh}, {11, 11, Repeat}, {10, 10, Repeat}},
		"late once":           {{10, 10, Fresh}, {12, 12, Fresh}, {11, 11, Fresh}, {11, 11, Repeat}},
		"wrap":                {{65535, 65535, Fresh}, {0, 65536, Fresh}, {65535, 65535, Repeat}, {1, 65537, Fresh}},
		"late over the wrap":  {{65534, 65534, Fresh}, {0, 65536, Fresh}, {65535, 65535, Fresh}},
		"before the first":    {{5, 5, Fresh}, {4, 4, Fresh}, {4, 4, Repeat}},
		"below zero":          {{1, 1, Fresh}, {65535, 0, Stale}},
		"jump ahead":          {{1, 1, Fresh}, {30000, 30000, Fresh}, {29999, 29999, Fresh}, {2, 0, Stale}},
		"just in the window":  {{5000, 5000, Fresh}, {5000 - Size + 1, 5000 - Size + 1, Fresh}},
		"just out of it":      {{5000, 5000, Fresh}, {5000 - Size, 0, Stale}},
		"window was cleaned":  {{1, 1, Fresh}, {Size, Size, Fresh}, {Size + 1, Size + 1, Fresh}, {2, 2, Fresh}},
		"same slot, new ring": {{7, 7, Fresh}, {7 + Size, 7 + Size, Fresh}, {8, 8, Fresh}},
	} {
		var w Window
		for i, s := range steps {
			ext, v := w.Accept(s.seq)
			if v != s.want || (v != Stale && ext != s.ext) {
				t.Errorf("%s, step %d: %d gave %d, verdict %d, want %d, %d", name, i, s.seq, ext, v, s.ext, s.want)
			}
		}
	}
}

func TestWindowFollowsASenderThatBeginsAnew(t *testing.T) {
	var w Window
	w.Accept(40000)
	for n := range staleRun - 1 {
		if _, v := w.Accept(uint16(20000 + n)); v != Stale {
			t.Fatalf("packet %d: verdict %d", n, v)
		}
	}
	ext, v := w.Accept(20000 + staleRun)
	if v != Fresh || ext != 65536+20000+staleRun {
		t.Errorf("got %d, verdict %d", ext, v)
	}
	if ext, v := w.Accept(20001 + staleRun); v != Fresh || ext != 65536+20001+staleRun {
		t.Errorf("next: got %d, verdict %d", ext, v)
	}
}

// A packet that was retransmitted late now and then is no new beginning.
func TestWindowForgetsStaleOnesWhenTheStreamGoesOn(t *testing.T) {
	var w Window
	w.Accept(40000)
	for n := range 10 * staleRun {
		w.Accept(uint16(20000 + n))
		if ext, v := w.Accept(uint16(40001 + n)); v != Fresh || ext != uint64(40001+n) {
			t.Fatalf("after %d stale ones: got %d, verdict %d", n, ext, v)
		}
	}
}

func TestWindowAcceptsEachPacketOnceWhateverTheNetworkDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var w Window
	const total = 200_000
	seen := map[uint64]bool{}
	w.Accept(0)
	seen[0] = true
	for n := 1; n < total; n++ {
		at := uint64(max(0, n-r.IntN(300)))
		if r.IntN(10) > 0 {
			at = uint64(n)
		}
		ext, v := w.Accept(uint16(at))
		if ext != at {
			t.Fatalf("packet %d was taken for %d", at, ext)
		}
		if fresh := v == Fresh; fresh == seen[at] {
			t.Fatalf("packet %d: verdict %d, seen before %v", at, v, seen[at])
		}
		seen[at] = true
	}
}

func FuzzWindow(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 0, 1, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		var w Window
		seen := map[uint64]bool{}
		for ; len(b) > 1; b = b[2:] {
			seq := uint16(b[0])<<8 | uint16(b[1])
			ext, v := w.Accept(seq)
			if v == Stale {
				continue
			}
			if uint16(ext) != seq || ext > w.Highest() {
				t.Fatalf("%d extended to %d, highest %d", seq, ext, w.Highest())
			}
			if v == Fresh && seen[ext] {
				t.Fatalf("%d is fresh twice", ext)
			}
			seen[ext] = true
		}
	})
}

func TestMapKeepsDistancesWithinARun(t *testing.T) {
	var m Map
	if _, _, ok := m.Out(1, 1); ok {
		t.Error("numbered before the first switch")
	}
	m.Switch(65534, 1000, 0)
	for i, want := range []uint16{65534, 65535, 0, 1} {
		seq, ts, ok := m.Out(65534+uint64(i), 1000+uint32(i)*90)
		if !ok || seq != want || ts != 1000+uint32(i)*90 {
			t.Errorf("packet %d: %d at %d, %v", i, seq, ts, ok)
		}
	}
	if _, _, ok := m.Out(65533, 900); ok {
		t.Error("a packet before the run was numbered")
	}
}

func TestMapGoesOnWithoutAJumpWhenTheSourceChanges(t *testing.T) {
	var m Map
	m.Switch(100, 5000, 0)
	m.Out(100, 5000)
	m.Out(102, 5180) // 101 comes late
	m.Out(101, 5090)
	m.Switch(7, 4_000_000_000, 270)
	seq, ts, ok := m.Out(7, 4_000_000_000)
	if !ok || seq != 103 || ts != 5180+270 {
		t.Errorf("first of the second source: %d at %d, %v", seq, ts, ok)
	}
	seq, ts, _ = m.Out(9, 4_000_000_180)
	if seq != 105 || ts != 5180+270+180 {
		t.Errorf("third of the second source: %d at %d", seq, ts)
	}
	if got := m.Timestamp(4_000_000_090); got != 5180+270+90 {
		t.Errorf("timestamp %d", got)
	}
	m.Switch(1, 9, 0)
	if _, ts, _ := m.Out(1, 9); ts != 5180+270+180+1 {
		t.Errorf("a switch without time in between stands still at %d", ts)
	}
}

func TestMapFindsTheSourcesNumberBehindANack(t *testing.T) {
	var m Map
	if _, ok := m.In(5); ok {
		t.Error("found before the first switch")
	}
	m.Switch(65000, 0, 0)
	for n := range uint64(2000) {
		m.Out(65000+n, 0)
	}
	m.Switch(10, 0, 1)
	m.Out(10, 0)
	m.Out(20, 0)
	base := uint16(65000 + 2000 - 65536)
	for name, c := range map[string]struct {
		out  uint16
		want uint64
		ok   bool
	}{
		"first of the run": {base, 10, true},
		"never seen by us": {base + 5, 15, true},
		"highest":          {base + 10, 20, true},
		"not given yet":    {base + 11, 0, false},
		"of the run ended": {base - 1, 0, false},
	} {
		if got, ok := m.In(c.out); ok != c.ok || (ok && got != c.want) {
			t.Errorf("%s: got %d, %v, want %d, %v", name, got, ok, c.want, c.ok)
		}
	}
}

// Out and In are inverse for everything that was given, however often the source changes.
func TestMapInIsTheInverseOfOut(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var m Map
	for range 50 {
		in := r.Uint64N(1 << 20)
		m.Switch(in, r.Uint32(), r.Uint32N(90000))
		for n := range r.Uint64N(3000) {
			seq, _, ok := m.Out(in+n, 0)
			if !ok {
				t.Fatal("not numbered")
			}
			if back, ok := m.In(seq); !ok || back != in+n {
				t.Fatalf("%d became %d became %d, %v", in+n, seq, back, ok)
			}
		}
	}
}
