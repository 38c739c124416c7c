package mux

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"parley/recording"
	"parley/signal/media"
)

// run is one published track from its start to its end.
type run struct {
	id      media.TrackID
	kind    string
	label   media.Label
	codec   codec
	begins  time.Duration
	last    time.Duration // arrival of its last packet
	packets int

	clock   unwrap
	sent    arrivals // RTP time to arrival
	reports []report
	wall    line     // RTP time to the sender's wall clock
	session *session // whose wall clock it is
	width   int      // largest picture
	height  int
}

// session is the time in which a participant's runs overlap: one browser, one wall clock.
type session struct {
	ends time.Duration
	sent arrivals // the sender's wall clock to arrival
}

// place gives the recording's time of an RTP time. Reports tell it best; before the first one, and in a run that is
// too short to have any, arrival must do.
func (r *run) place(ts int64) time.Duration {
	x := float64(ts) / float64(r.codec.rate)
	if r.wall.empty() {
		x = r.sent.at(x)
	} else {
		x = r.session.sent.at(r.wall.at(x))
	}
	return time.Duration(x * float64(time.Second))
}

// maxRuns bounds the runs of a journal.
const maxRuns = 4096

// scan is what the first reading finds.
type scan struct {
	runs    []*run
	current map[media.TrackID]*run
	ntp0    uint64 // of the first report, so that seconds stay small
	packet  rtp.Packet
}

func newScan(ctx context.Context, m recording.Media) (*scan, error) {
	s := &scan{current: map[media.TrackID]*run{}}
	if err := m.Records(ctx, s.record); err != nil {
		return nil, fmt.Errorf("scan journal: %w", err)
	}
	s.sessions()
	return s, nil
}

func (s *scan) record(r recording.Record) error {
	switch r.Kind {
	case recording.RecordTrack:
		s.begin(r)
	case recording.RecordPacket:
		s.media(r)
	case recording.RecordReport:
		s.report(r)
	}
	return nil
}

// begin starts a run. A number that comes again is a new run: after a reload a client may count from 1 again.
func (s *scan) begin(r recording.Record) {
	var t recording.TrackInfo
	if json.Unmarshal(r.Payload, &t) != nil {
		return
	}
	c, ok := codecs[lower(t.Codec.MIME)]
	if !ok || len(s.runs) >= maxRuns {
		delete(s.current, r.Track)
		return
	}
	n := &run{id: r.Track, kind: t.Kind, label: t.Label, codec: c, begins: r.At, last: r.At}
	s.runs = append(s.runs, n)
	s.current[r.Track] = n
}

func (s *scan) media(r recording.Record) {
	n := s.current[r.Track]
	if n == nil || s.packet.Unmarshal(r.Payload) != nil {
		return
	}
	ts := n.clock.time(s.packet.Timestamp)
	n.sent.add(float64(ts)/float64(n.codec.rate), seconds(r.At))
	n.packets++
	n.last = max(n.last, r.At)
	if n.codec.size != nil {
		w, h := n.codec.size(s.packet.Payload)
		n.width, n.height = max(n.width, w), max(n.height, h)
	}
}

func (s *scan) report(r recording.Record) {
	n := s.current[r.Track]
	var sr rtcp.SenderReport
	if n == nil || !n.clock.any || len(n.reports) >= maxReports || sr.Unmarshal(r.Payload) != nil {
		return
	}
	if s.ntp0 == 0 {
		s.ntp0 = sr.NTPTime
	}
	n.reports = append(n.reports, report{
		rtp:     float64(n.clock.peekTime(sr.RTPTime)) / float64(n.codec.rate),
		ntp:     float64(int64(sr.NTPTime-s.ntp0)) / (1 << 32),
		arrived: seconds(r.At),
	})
}

// sessions groups the runs by overlap and makes each group's clock of all its reports.
func (s *scan) sessions() {
	var now *session
	for _, n := range s.runs {
		if now == nil || n.begins > now.ends {
			now = &session{}
		}
		now.ends, n.session = max(now.ends, n.last), now
		n.wall = byReports(n.reports)
		for _, p := range n.reports {
			now.sent.add(p.ntp, p.arrived)
		}
	}
}
