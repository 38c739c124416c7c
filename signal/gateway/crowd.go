package gateway

import (
	"context"
	"log/slog"

	"parley/chat/crowd"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// Crowds is the rooms of thousands; see [crowd.Service].
type Crowds interface {
	Join(ctx context.Context, p identity.Principal, id crowd.RoomID, s crowd.Subscriber) (wire.CrowdState, error)
	Leave(id crowd.RoomID, s crowd.Subscriber)
	Say(ctx context.Context, p identity.Principal, f wire.CrowdSay) (wait func(context.Context) (wire.CrowdAck, error), err error)
	// Receive takes what another node told.
	Receive(payload []byte) error
}

// Crowd implements [crowd.Bus].
func (h *Hub) Crowd(payload []byte) {
	h.sent(h.bus.Tell(context.Background(), append([]byte{hintCrowd}, payload...)))
}

func (g *Gateway) receiveCrowd(_ context.Context, _ []*session, b []byte) error {
	if g.cfg.Crowds == nil {
		return nil
	}
	return g.cfg.Crowds.Receive(b)
}

// listening is a session in a room.
type listening struct{ s *session }

// Frame implements [crowd.Subscriber]. A frame that has no room in the outbox is lost.
func (l listening) Frame(line []byte) {
	l.s.box.put(push{kind: wire.CrowdFrame{}.Kind(), line: line, loose: true})
}

// State implements [crowd.Subscriber].
func (l listening) State(st wire.CrowdState) {
	line, err := wire.Encode(wire.Frame{Body: st})
	if err != nil {
		l.s.g.log.LogAttrs(context.Background(), slog.LevelError, "a room's state could not be encoded", slog.String("room", st.Room), slog.Any("err", err))
		return
	}
	l.s.box.put(push{kind: st.Kind(), line: line, loose: true})
}

// crowds is the rooms, or the refusal of a node that has none.
func (s *session) crowds() (Crowds, error) {
	if s.g.cfg.Crowds == nil {
		return nil, policy.ErrUnavailable
	}
	return s.g.cfg.Crowds, nil
}

func (s *session) crowdJoin(ctx context.Context, f wire.CrowdJoin) (wire.Body, error) {
	crowds, err := s.crowds()
	if err != nil {
		return nil, err
	}
	id := crowd.RoomID(f.Room)
	if s.crowd != id {
		s.leaveCrowd()
	}
	st, err := crowds.Join(ctx, s.p, id, listening{s})
	if err != nil {
		return nil, err
	}
	s.crowd = id
	return st, nil
}

func (s *session) crowdLeave(_ context.Context, f wire.CrowdLeave) error {
	if _, err := s.crowds(); err != nil {
		return err
	}
	if s.crowd == crowd.RoomID(f.Room) {
		s.leaveCrowd()
	}
	return nil
}

// leaveCrowd takes the session out of the room that it is in, if any.
func (s *session) leaveCrowd() {
	if s.crowd != "" {
		s.g.cfg.Crowds.Leave(s.crowd, listening{s})
		s.crowd = ""
	}
}

func (s *session) crowdSay(ctx context.Context, f wire.CrowdSay) (waiter, error) {
	crowds, err := s.crowds()
	if err != nil {
		return nil, err
	}
	wait, err := crowds.Say(ctx, s.p, f)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (wire.Body, error) {
		ack, err := wait(ctx)
		if err != nil {
			return nil, err
		}
		return ack, nil
	}, nil
}
