package server

import (
	"context"
	"fmt"
	"runtime"

	"parley/signal/interview"
	"parley/signal/sfu"
)

// maxWorkers is how many UDP sockets a machine gets unless it is told.
const maxWorkers = 8

func (s *Server) openMedia(context.Context) error {
	workers := s.cfg.UDPWorkers
	if workers == 0 {
		workers = min(runtime.GOMAXPROCS(0), maxWorkers)
	}
	s.node.sfu = sfu.New(sfu.Config{
		UDP: s.cfg.UDP, Workers: workers, Public: s.cfg.Public, Log: s.log, Metrics: s.metrics,
	})
	if err := s.node.sfu.Open(); err != nil {
		return fmt.Errorf("udp: %w; stop what uses the ports or choose others", err)
	}
	s.parts.closer("media", s.node.sfu.Close)
	return nil
}

// rooms gives interviews the SFU's rooms.
type rooms struct{ *sfu.SFU }

// NewRoom implements interview.Rooms.
func (r rooms) NewRoom(id interview.ID, maxPeers int) (interview.Room, error) {
	opened, err := r.SFU.NewRoom(sfu.RoomID(id), sfu.RoomConfig{MaxPeers: maxPeers})
	if err != nil {
		return nil, err
	}
	return room{opened}, nil
}

type room struct{ *sfu.Room }

// Join implements interview.Room.
func (r room) Join(s interview.PeerSpec) (interview.Peer, error) {
	joined, err := r.Room.Join(sfu.PeerConfig{
		ID: sfu.PeerID(s.User), Sink: s.Sink, Send: s.Send,
		Publish: sfu.Publish{Audio: s.Publish.Audio, Video: s.Publish.Video, Screen: s.Publish.Screen},
		Events: func(e sfu.PeerEvent) {
			if told := peerEvent(e); told != nil {
				s.Events(told)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	return joined, nil
}

// peerEvent says the SFU's news in the interview's words.
func peerEvent(e sfu.PeerEvent) interview.PeerEvent {
	switch e := e.(type) {
	case sfu.Connected:
		return interview.Connected{}
	case sfu.Disconnected:
		return interview.Disconnected{}
	case sfu.TrackUp:
		return interview.TrackUp{Track: e.Track}
	case sfu.TrackDown:
		return interview.TrackDown{Track: e.Track.ID}
	case sfu.Failed:
		return interview.Failed{Reason: string(e.Reason)}
	}
	return nil
}
