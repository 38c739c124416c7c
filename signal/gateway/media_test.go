package gateway_test

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/client"
	"parley/signal/interview"
	"parley/signal/sfu"
	"parley/signal/wire"
)

// stage is a booth with a real room: everybody may publish everything.
type stage struct {
	*booth
	room *sfu.Room
	mu   sync.Mutex
	in   map[string]*sfu.Peer // by seat
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := sfu.New(sfu.Config{UDP: netip.MustParseAddrPort("127.0.0.1:0"), Public: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r, err := s.NewRoom(room, sfu.RoomConfig{MaxPeers: 2})
	if err != nil {
		t.Fatal(err)
	}
	return &stage{booth: newBooth(), room: r, in: map[string]*sfu.Peer{}}
}

func (s *stage) peer(seat string) *sfu.Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.in[seat]
}

func (s *stage) Join(_ context.Context, p identity.Principal, id interview.ID, seat interview.Seat) (wire.Interview, error) {
	s.sit(p, seat, nil)
	peer, err := s.room.Join(sfu.PeerConfig{
		ID: sfu.PeerID(p.User), Publish: sfu.Publish{Audio: true, Video: true, Screen: true},
		Send: func(b wire.Body) { s.seat(p.User).Send(named(b)) },
	})
	if err != nil {
		return wire.Interview{}, err
	}
	s.sit(p, seat, peer)
	return s.view(p, id)
}

func (s *stage) sit(p identity.Principal, seat interview.Seat, peer *sfu.Peer) {
	s.booth.mu.Lock()
	s.booth.seats[string(p.User)] = seat
	s.booth.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in[seat.ID] = peer
}

func (s *stage) Resume(ctx context.Context, p identity.Principal, id interview.ID, seat interview.Seat) (wire.Interview, error) {
	peer := s.peer(s.seat(p.User).ID)
	v, err := s.booth.Resume(ctx, p, id, seat)
	if err != nil {
		return v, err
	}
	s.sit(p, seat, peer)
	s.note("resumed")
	return v, peer.Handle(wire.RTCRestart{Interview: room})
}

// named fills in what the room leaves to its owner.
func named(b wire.Body) wire.Body {
	switch b := b.(type) {
	case wire.RTCOffer:
		b.Interview = room
		return b
	case wire.RTCAnswer:
		b.Interview = room
		return b
	case wire.RTCCandidate:
		b.Interview = room
		return b
	}
	return b
}

func (s *stage) Signal(_ context.Context, _ identity.Principal, _ interview.ID, seat string, b wire.Body) error {
	p := s.peer(seat)
	if p == nil {
		return policy.ErrNotFound
	}
	return p.Handle(b)
}

func (s *stage) Leave(_ context.Context, _ identity.Principal, _ interview.ID, seat string) error {
	s.peer(seat).Leave()
	return nil
}

func TestTwoCallsSeeAndHearEachOther(t *testing.T) {
	on := newStage(t)
	n := start(t, interviews(on))
	a, _ := n.join(ann, client.Options{Device: "a"})
	r, _ := n.join(rob, client.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	fromA, err := a.Join(ctx, room, client.CallOptions{Audio: true, Video: true})
	if err != nil {
		t.Fatal(err)
	}
	defer fromA.Close()
	fromR, err := r.Join(ctx, room, client.CallOptions{Audio: true, Screen: true})
	if err != nil {
		t.Fatal(err)
	}
	defer fromR.Close()
	receives(ctx, t, fromA, client.Key{User: string(rob.User), Label: "microphone"}, "audio/opus")
	receives(ctx, t, fromA, client.Key{User: string(rob.User), Label: "screen"}, "video/VP8")
	receives(ctx, t, fromR, client.Key{User: string(ann.User), Label: "microphone"}, "audio/opus")
	receives(ctx, t, fromR, client.Key{User: string(ann.User), Label: "camera"}, "video/VP8")
	a.Break()
	eventually(t, "the seat is taken back", func() bool { return on.noted("resumed") })
	fromA.Forget()
	receives(ctx, t, fromA, client.Key{User: string(rob.User), Label: "screen"}, "video/VP8")
	if err := fromA.Mute(ctx, "camera", true); err != nil {
		t.Error(err)
	}
	if err := fromA.Leave(ctx); err != nil {
		t.Error(err)
	}
	if fromA.Err() == nil || fromR.Err() != nil {
		t.Errorf("left: %v, stayed: %v", fromA.Err(), fromR.Err())
	}
}

// receives waits until thirty packets of a track have come.
func receives(ctx context.Context, t *testing.T, c *client.Call, k client.Key, codec string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if got := c.Received()[k]; got.Packets >= 30 && got.Bytes > 0 {
			if got.Codec != codec {
				t.Errorf("%v is %s, want %s", k, got.Codec, codec)
			}
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%v did not come: got %v; call: %v", k, c.Received(), c.Err())
		}
	}
}

func TestACallThatMayNotJoinIsRefused(t *testing.T) {
	n := start(t, interviews(newBooth()))
	s, _ := n.join(ann, client.Options{})
	if _, err := s.Join(t.Context(), "another", client.CallOptions{Audio: true}); err == nil {
		t.Error("joined")
	}
}
