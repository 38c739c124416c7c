package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"parley/signal/media"
)

func TestTheRecordedTraceIsWhatABrowserSends(t *testing.T) {
	s, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	apart, packets := 0, 0
	for i, p := range s.pictures {
		if i > 0 && p.at < s.pictures[i-1].at {
			t.Errorf("picture %d goes back in time", i)
		}
		for j, x := range p.packets {
			packets++
			if j > 0 && x.size == p.packets[j-1].size+1 {
				apart++
			}
		}
	}
	if s.length < 5*time.Second || packets < 2*len(s.pictures) || apart < len(s.pictures)/4 {
		t.Errorf("%d packets in %d pictures in %v, %d a byte longer than the one before", packets, len(s.pictures), s.length, apart)
	}
}

func TestTracesAreReadOrRefused(t *testing.T) {
	for text, want := range map[string]bool{
		"length 100\n0 953 954+12\n50 10": true,
		"# nothing\nlength 100":           false,
		"0 953":                           false,
		"length 50\n0 1\n50 1":            false,
		"length x\n0 1":                   false,
		"length 100\n0":                   false,
		"length 100\n0 0":                 false,
		"length 100\n0 1501":              false,
		"length 100\n-1 9":                false,
		"length 100\n0 9+x":               false,
	} {
		s, err := parseTrace(text)
		if (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
		if err == nil && (len(s.pictures) != 2 || s.pictures[0].packets[1] != packetSpec{954, 1200 * time.Microsecond}) {
			t.Errorf("%q: %+v", text, s)
		}
	}
}

func FuzzTrace(f *testing.F) {
	f.Add("length 100\n0 953 954+12\n50 10")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseTrace(text)
		if err != nil {
			return
		}
		for _, p := range s.pictures {
			for _, x := range p.packets {
				if x.size < 1 || x.size > 1500 || x.after < 0 {
					t.Errorf("%+v", x)
				}
			}
		}
	})
}

func TestARecordingReadsBackAsATrace(t *testing.T) {
	began := time.Now()
	var tr tracer
	for i, x := range []struct {
		ms   int
		ts   uint32
		size int
	}{{0, 1, 500}, {99, 2, 600}, {101, 2, 601}, {150, 3, 700}, {151, 3, 701}, {170, 3, 0}, {200, 4, 800}, {260, 5, 900}} {
		tr.Packet(media.Packet{Arrival: began.Add(time.Duration(x.ms) * time.Millisecond),
			RTP: &rtp.Packet{Header: rtp.Header{Timestamp: x.ts, SequenceNumber: uint16(i)}, Payload: make([]byte, x.size)}})
	}
	text, err := tr.text(recordCommand{Browser: "none", Skip: 100 * time.Millisecond, Length: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s, err := parseTrace(text)
	if err != nil || len(s.pictures) != 2 || s.length != 100*time.Millisecond {
		t.Fatalf("%+v, %v from\n%s", s, err, text)
	}
	if p := s.pictures[0].packets; len(p) != 2 || p[1] != (packetSpec{701, time.Millisecond}) || s.pictures[1].at != 50*time.Millisecond {
		t.Errorf("%+v", s.pictures)
	}
}

func TestTheMeterCountsWhatIsInItsRange(t *testing.T) {
	m := newMeter()
	take := m.watcher()
	for i := range int64(10) {
		payload := make([]byte, 100)
		m.stamp(payload, i)
		p := rtp.Packet{Header: rtp.Header{Version: 2}, Payload: payload}
		if i%2 == 0 {
			if err := p.Header.SetExtension(1, []byte{1}); err != nil {
				t.Fatal(err)
			}
		}
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		switch i {
		case 2:
			m.from.Store(2)
		case 8:
			m.to.Store(8)
		}
		take(raw)
	}
	take(make([]byte, 20)) // too short to be one of ours
	if m.received.Load() != 6 || m.watching.Load() != 1 {
		t.Errorf("received %d by %d", m.received.Load(), m.watching.Load())
	}
	if p := m.percentile(0.99); p <= 0 || p > time.Second {
		t.Errorf("99th percentile %v", p)
	}
}

func TestRowsKeepTheirOrder(t *testing.T) {
	rows := []row{{{"scenario", "x"}, {"b", 1.5}, {"a", true}}}
	b, err := json.Marshal(rows)
	if err != nil || string(b) != `[{"scenario":"x","b":1.5,"a":true}]` {
		t.Errorf("%s, %v", b, err)
	}
	var out bytes.Buffer
	if err := (common{}).print(&out, rows, []string{"note"}); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(out.String(), "\n")
	if len(got) != 4 || strings.Join(strings.Fields(got[0]), " ") != "scenario b a" || strings.Join(strings.Fields(got[1]), " ") != "x 1.5 true" || got[2] != "note" {
		t.Errorf("%q", got)
	}
}
