package recording

import (
	"encoding/json"
	"time"

	"parley/signal/media"
)

// Bounds of a [Summary]; what is beyond them is in the journal only.
const (
	maxTracks = 256
	maxGaps   = 512
)

// Summary is what a participant's journal holds, in short. Times are since the recording's start. It is built from
// the records as they are written, and again by recovery from those that were found.
type Summary struct {
	First   time.Duration `json:"first_ns"` // first media packet
	Last    time.Duration `json:"last_ns"`  // last one
	Packets uint64        `json:"packets"`
	Bytes   uint64        `json:"bytes"` // of RTP
	Tracks  []TrackSpan   `json:"tracks,omitempty"`
	Gaps    []GapSpan     `json:"gaps,omitempty"`
	// MoreGaps counts gaps beyond the bound of Gaps.
	MoreGaps uint64 `json:"more_gaps,omitempty"`
}

// TrackSpan is one track from its start to its last packet.
type TrackSpan struct {
	Track media.TrackID `json:"track"`
	Kind  string        `json:"kind"` // "audio", "video"
	Label media.Label   `json:"label"`
	Codec string        `json:"codec"` // MIME type
	From  time.Duration `json:"from_ns"`
	To    time.Duration `json:"to_ns"`
	Ended bool          `json:"ended,omitempty"`
}

// GapSpan is a time in which something is missing (E7). An open gap has seen no packet since.
type GapSpan struct {
	From    time.Duration   `json:"from_ns"`
	To      time.Duration   `json:"to_ns"`
	Track   media.TrackID   `json:"track,omitempty"` // 0: all of the participant's
	Reason  media.GapReason `json:"reason"`
	Packets uint64          `json:"packets,omitempty"` // missing, when known
	Open    bool            `json:"open,omitempty"`
}

// clone copies the summary, so that the writer may go on with its own.
func (s *Summary) clone() Summary {
	c := *s
	c.Tracks = append([]TrackSpan(nil), s.Tracks...)
	c.Gaps = append([]GapSpan(nil), s.Gaps...)
	return c
}

// absorb takes in the records of a block.
func (s *Summary) absorb(records []byte) {
	for len(records) > 0 {
		r, rest, err := nextRecord(records)
		if err != nil {
			return
		}
		s.add(r)
		records = rest
	}
}

// add takes one record into account.
func (s *Summary) add(r Record) {
	switch r.Kind {
	case RecordPacket:
		s.packet(r)
	case RecordTrack:
		s.track(r)
	case RecordTrackEnd:
		if t := s.find(r.Track); t != nil {
			t.Ended = true
		}
	case RecordGap:
		s.gap(r)
	}
}

func (s *Summary) packet(r Record) {
	if s.Packets == 0 {
		s.First = r.At
	}
	s.Packets++
	s.Bytes += uint64(len(r.Payload))
	s.Last = max(s.Last, r.At)
	if t := s.find(r.Track); t != nil {
		t.To = max(t.To, r.At)
	}
	if n := len(s.Gaps); n > 0 && s.Gaps[n-1].Open {
		s.Gaps[n-1].To, s.Gaps[n-1].Open = r.At, false
	}
}

func (s *Summary) track(r Record) {
	var i TrackInfo
	if json.Unmarshal(r.Payload, &i) != nil || len(s.Tracks) >= maxTracks {
		return
	}
	s.Tracks = append(s.Tracks, TrackSpan{Track: r.Track, Kind: i.Kind, Label: i.Label, Codec: i.Codec.MIME,
		From: r.At, To: r.At})
}

func (s *Summary) gap(r Record) {
	var i GapInfo
	if json.Unmarshal(r.Payload, &i) != nil {
		return
	}
	g := GapSpan{From: s.Last, To: r.At, Track: r.Track, Reason: i.Reason, Packets: i.Packets}
	switch t := s.find(r.Track); {
	case i.Reason == media.Loss && t != nil:
		g.From = t.To
		if i.To >= i.From && i.To > 0 {
			g.Packets = i.To - i.From + 1
		}
	default:
		g.Open = true
	}
	g.From = min(g.From, g.To)
	s.addGap(g)
}

func (s *Summary) addGap(g GapSpan) {
	if n := len(s.Gaps); n > 0 && s.Gaps[n-1].Open {
		s.Gaps[n-1].To, s.Gaps[n-1].Open = g.From, false
	}
	if len(s.Gaps) >= maxGaps {
		s.MoreGaps++
		return
	}
	s.Gaps = append(s.Gaps, g)
}

// find gives the newest track of that number.
func (s *Summary) find(id media.TrackID) *TrackSpan {
	for i := len(s.Tracks) - 1; i >= 0; i-- {
		if s.Tracks[i].Track == id {
			return &s.Tracks[i]
		}
	}
	return nil
}
