package gateway

import (
	"context"
	"errors"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/interview"
	"parley/signal/wire"
)

// Interviews is what the gateway needs of [interview.Service].
type Interviews interface {
	Invited
	Consents
	Seats
}

// Invited is what participants do without being in the room.
type Invited interface {
	Open(ctx context.Context, p identity.Principal, s interview.Spec) (wire.Interview, error)
	View(ctx context.Context, p identity.Principal, id interview.ID) (wire.Interview, error)
	Active(ctx context.Context, p identity.Principal) ([]wire.Interview, error)
	End(ctx context.Context, p identity.Principal, id interview.ID) error
	// Receipts are the signed heads of the recording's parts that are sealed so far (E6).
	Receipts(ctx context.Context, p identity.Principal, id interview.ID) (wire.InterviewReceipt, error)
	// Renew says that the principal's token was replaced by a newer one.
	Renew(p identity.Principal)
}

// Consents answers the notice, and takes the answer back (R3).
type Consents interface {
	Consent(ctx context.Context, p identity.Principal, c wire.InterviewConsent) error
	Withdraw(ctx context.Context, p identity.Principal, id interview.ID) error
}

// Seats is what one connection does with its seat. A seat's id is the session's, so that what is said about a seat that
// another connection has taken over meanwhile is ignored.
type Seats interface {
	Join(ctx context.Context, p identity.Principal, id interview.ID, s interview.Seat) (wire.Interview, error)
	// Resume takes a seat back whose connection was lost; it is refused when there is none of this user and device.
	Resume(ctx context.Context, p identity.Principal, id interview.ID, s interview.Seat) (wire.Interview, error)
	Signal(ctx context.Context, p identity.Principal, id interview.ID, seat string, b wire.Body) error
	Mute(ctx context.Context, p identity.Principal, seat string, m wire.InterviewMute) error
	Leave(ctx context.Context, p identity.Principal, id interview.ID, seat string) error
	// Gone says that the connection is lost: the seat is held for a while.
	Gone(p identity.Principal, id interview.ID, seat string)
}

// rooms is the service, or the refusal of a node that has none.
func (s *session) rooms() (Interviews, error) {
	if s.g.cfg.Interviews == nil {
		return nil, policy.ErrUnavailable
	}
	return s.g.cfg.Interviews, nil
}

// active lists the interviews that the principal is invited to.
func (s *session) active() ([]wire.Interview, error) {
	none := []wire.Interview{}
	if s.g.cfg.Interviews == nil || identity.Allow(s.p, identity.InterviewJoin) != nil {
		return none, nil
	}
	list, err := s.g.cfg.Interviews.Active(s.ctx, s.p)
	return append(none, list...), err
}

// seat is this connection's seat: what the room has for it goes the way of all pushes. Frames that come before the answer
// to a join queue up behind it.
func (s *session) seat(id string) interview.Seat {
	return interview.Seat{
		ID: s.id, Device: s.device,
		Send: s.push,
		Lost: func(reason string) { s.push(wire.InterviewDropped{Interview: id, Reason: reason}) },
	}
}

// push queues a frame that may not be dropped. Any goroutine may call it.
func (s *session) push(b wire.Body) {
	line, err := wire.Encode(wire.Frame{Body: b})
	if err != nil {
		_ = s.refusal(s.ctx, b.Kind(), err)
		return
	}
	s.box.put(push{kind: b.Kind(), line: line})
}

func (s *session) interviewOpen(ctx context.Context, f wire.InterviewOpen) (wire.Body, error) {
	rooms, err := s.rooms()
	if err != nil {
		return nil, err
	}
	view, err := rooms.Open(ctx, s.p, interview.Spec{Conversation: chat.ConversationID(f.Conversation)})
	if err != nil {
		return nil, err
	}
	s.note(view)
	return wire.InterviewState{Interview: view}, nil
}

func (s *session) interviewConsent(ctx context.Context, f wire.InterviewConsent) error {
	rooms, err := s.rooms()
	if err != nil {
		return err
	}
	return rooms.Consent(ctx, s.p, f)
}

func (s *session) interviewWithdraw(ctx context.Context, f wire.InterviewWithdraw) error {
	rooms, err := s.rooms()
	if err != nil {
		return err
	}
	return rooms.Withdraw(ctx, s.p, interview.ID(f.Interview))
}

func (s *session) interviewJoin(ctx context.Context, f wire.InterviewJoin) (wire.Body, error) {
	rooms, err := s.rooms()
	if err != nil {
		return nil, err
	}
	return s.sit(ctx, f.Interview, rooms.Join)
}

// interviewResume takes a seat from a connection that is lost, whether the server has noticed that already or not.
func (s *session) interviewResume(ctx context.Context, f wire.InterviewResume) (wire.Body, error) {
	rooms, err := s.rooms()
	if err != nil {
		return nil, err
	}
	if f.Session == s.id {
		return nil, policy.ErrBadRequest.With("The seat is this session's already.", "座位已属于当前会话。")
	}
	for _, former := range s.g.sessions.of(s.who) {
		if former.id == f.Session {
			former.cut(replaced())
		}
	}
	rooms.Gone(s.p, interview.ID(f.Interview), f.Session)
	return s.sit(ctx, f.Interview, rooms.Resume)
}

type sitting func(context.Context, identity.Principal, interview.ID, interview.Seat) (wire.Interview, error)

// sit notes the seat before it asks for it, so that one whose outcome is unknown is given up with the connection. One that
// the connection has already stays noted whatever the answer: a refusal does not say that it is gone.
func (s *session) sit(ctx context.Context, name string, take sitting) (wire.Body, error) {
	id := interview.ID(name)
	_, had := s.seats[id]
	if !had && len(s.seats) >= maxSeats {
		return nil, policy.ErrConflict.With("This connection is in too many interviews.", "此连接已加入过多面试。")
	}
	mark(&s.seats, id, struct{}{})
	view, err := take(ctx, s.p, id, s.seat(name))
	if _, refused := errors.AsType[*policy.Refusal](err); refused && !had {
		delete(s.seats, id)
	}
	if err != nil {
		return nil, err
	}
	s.note(view)
	return wire.InterviewState{Interview: view}, nil
}

func (s *session) interviewLeave(ctx context.Context, f wire.InterviewLeave) error {
	rooms, err := s.rooms()
	if err != nil {
		return err
	}
	if err := rooms.Leave(ctx, s.p, interview.ID(f.Interview), s.id); err != nil {
		return err
	}
	delete(s.seats, interview.ID(f.Interview))
	return nil
}

func (s *session) interviewEnd(ctx context.Context, f wire.InterviewEnd) error {
	rooms, err := s.rooms()
	if err != nil {
		return err
	}
	return rooms.End(ctx, s.p, interview.ID(f.Interview))
}

func (s *session) interviewReceipts(ctx context.Context, f wire.InterviewReceipts) (wire.Body, error) {
	rooms, err := s.rooms()
	if err != nil {
		return nil, err
	}
	return rooms.Receipts(ctx, s.p, interview.ID(f.Interview))
}

func (s *session) interviewMute(ctx context.Context, f wire.InterviewMute) error {
	rooms, err := s.rooms()
	if err != nil {
		return err
	}
	return rooms.Mute(ctx, s.p, s.id, f)
}

func (s *session) signal(ctx context.Context, id string, b wire.Body) error {
	rooms, err := s.rooms()
	if err != nil {
		return err
	}
	return rooms.Signal(ctx, s.p, interview.ID(id), s.id, b)
}

// The frames of negotiation are the SFU's; here they only find their seat.

func (s *session) rtcOffer(ctx context.Context, f wire.RTCOffer) error {
	return s.signal(ctx, f.Interview, f)
}

func (s *session) rtcAnswer(ctx context.Context, f wire.RTCAnswer) error {
	return s.signal(ctx, f.Interview, f)
}

func (s *session) rtcCandidate(ctx context.Context, f wire.RTCCandidate) error {
	return s.signal(ctx, f.Interview, f)
}

func (s *session) rtcRestart(ctx context.Context, f wire.RTCRestart) error {
	return s.signal(ctx, f.Interview, f)
}
