package main

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
)

func TestRecordingPrintsWhatAnInterviewCostsAndAKillTakes(t *testing.T) {
	onLinux(t)
	childless(t)
	rows := load(t, "recording", "--seconds", "1", "--interviews", "2", "--dir", folder(t))
	if len(rows) != 1 {
		t.Fatalf("%v", rows)
	}
	r := rows[0]
	wantFigures(t, r, "recordings", "cpu_pct_per_interview", "rss_mb_per_interview", "sent_packets", "lost_packets", "kill_loss_ms_max",
		"recovery_ms", "kbit_per_s_per_person", "fsync_p99_ms", "seal_mb_per_s")
	if r["recordings"] != 2.0 || r["sent_packets"].(float64) < 100 || r["lost_packets"].(float64) > r["sent_packets"].(float64)/2 ||
		r["kbit_per_s_per_person"].(float64) < 10 {
		t.Errorf("%v", r)
	}
}

func TestARecordingThatIsGivenUpLeavesNothing(t *testing.T) {
	onLinux(t)
	childless(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	err := run(ctx, []string{"recording", "--seconds", "600", "--interviews", "1", "--dir", folder(t)}, &bytes.Buffer{})
	if err == nil {
		t.Error("ten minutes have gone by")
	}
}

func TestWhatWasSentIsComparedWithWhatIsHeld(t *testing.T) {
	at := func(n int) (all []time.Duration) {
		for i := range n {
			all = append(all, time.Duration(i+1)*time.Millisecond)
		}
		return all
	}
	for _, c := range []struct {
		name    string
		sent    sentStream
		seqs    []uint16
		missing int
		until   time.Duration
		torn    time.Duration
	}{
		{"all", sentStream{10, at(4)}, []uint16{10, 11, 12, 13}, 0, time.Second, 0},
		{"begun late", sentStream{10, at(4)}, []uint16{12, 13}, 0, time.Second, 0},
		{"torn", sentStream{10, at(4)}, []uint16{10, 11}, 2, time.Second, 2 * time.Millisecond},
		{"torn, sent after the kill", sentStream{10, at(4)}, []uint16{10, 11}, 2, 3 * time.Millisecond, time.Millisecond},
		{"a hole", sentStream{10, at(4)}, []uint16{10, 13}, 2, time.Second, 0},
		{"overtaken and repeated", sentStream{10, at(4)}, []uint16{10, 12, 11, 11, 13}, 0, time.Second, 0},
		{"over the end of the numbers", sentStream{65534, at(4)}, []uint16{65534, 65535, 1}, 1, time.Second, 0},
		{"of another stream", sentStream{10, at(4)}, []uint16{9, 14, 40000}, 4, time.Second, 3 * time.Millisecond},
		{"nothing", sentStream{10, at(4)}, nil, 4, time.Second, 3 * time.Millisecond},
		{"nothing sent", sentStream{}, []uint16{1}, 0, time.Second, 0},
	} {
		held := c.sent.held(c.seqs)
		if got := missing(held); got != c.missing {
			t.Errorf("%s: %d missing, want %d", c.name, got, c.missing)
		}
		if got := c.sent.tornOff(held, c.until); got != c.torn {
			t.Errorf("%s: %v torn off, want %v", c.name, got, c.torn)
		}
	}
}

func TestALogNotesEachPacketOnce(t *testing.T) {
	l := &sentLog{streams: map[uint32]*sentStream{}}
	var passed []uint16
	w := l.BindLocalStream(&interceptor.StreamInfo{SSRC: 7}, interceptor.RTPWriterFunc(func(h *rtp.Header, _ []byte, _ interceptor.Attributes) (int, error) {
		passed = append(passed, h.SequenceNumber)
		return 0, nil
	}))
	seqs := []uint16{65535, 0, 0, 1, 65535, 2}
	for _, seq := range seqs {
		if _, err := w.Write(&rtp.Header{SequenceNumber: seq}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	s := l.streams[7]
	if s == nil || s.first != 65535 || len(s.at) != 4 || !slices.IsSorted(s.at) || !slices.Equal(passed, seqs) {
		t.Errorf("%+v, passed %v", s, passed)
	}
}
