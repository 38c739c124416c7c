package sfu

import (
	"errors"
	"sync"

	"parley/signal/media"
)

// sink remembers what it was given.
type sink struct {
	mu      sync.Mutex
	packets map[media.TrackID]map[uint16]int
	events  []media.Event
	reports int
	failed  chan struct{}
	ended   map[media.TrackID]bool
	late    int // calls after the end of their track
}

func newSink() *sink {
	return &sink{packets: map[media.TrackID]map[uint16]int{}, failed: make(chan struct{}), ended: map[media.TrackID]bool{}}
}

func (s *sink) Packet(p media.Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended[p.Track] {
		s.late++
	}
	if s.packets[p.Track] == nil {
		s.packets[p.Track] = map[uint16]int{}
	}
	s.packets[p.Track][p.RTP.SequenceNumber]++
}

func (s *sink) Report(media.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports++
}

func (s *sink) Event(e media.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := e.(media.TrackEnded); ok {
		s.ended[e.Track] = true
	}
	s.events = append(s.events, e)
}

func (s *sink) Failed() <-chan struct{} { return s.failed }

func (s *sink) Err() error { return errors.New("full") }

func (s *sink) count(id media.TrackID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.packets[id])
}

func (s *sink) list() []media.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]media.Event(nil), s.events...)
}

// repeats counts packets that the sink saw more than once.
func (s *sink) repeats() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, track := range s.packets {
		for _, times := range track {
			n += times - 1
		}
	}
	return n
}
