package gateway

import (
	"context"
	"errors"

	"parley/signal/wire"
)

// handler serves one kind of request: it returns the body of the answer, nil for none, or an error for the mapper.
type handler func(ctx context.Context, s *session, body wire.Body) (wire.Body, error)

// on makes a handler of a method on sessions for one kind of body.
func on[T wire.Body](f func(*session, context.Context, T) (wire.Body, error)) handler {
	return func(ctx context.Context, s *session, body wire.Body) (wire.Body, error) { return f(s, ctx, body.(T)) }
}

// done is for requests that have nothing to tell.
func done[T wire.Body](f func(*session, context.Context, T) error) handler {
	return func(ctx context.Context, s *session, body wire.Body) (wire.Body, error) {
		return wire.Done{}, f(s, ctx, body.(T))
	}
}

// handlers is the table of dispatch: every kind that a client may send, but those that are pipelined.
var handlers = map[wire.Kind]handler{
	wire.Hello{}.Kind():   on((*session).helloAgain),
	wire.Renew{}.Kind():   done((*session).renew),
	wire.Ping{}.Kind():    on((*session).ping),
	wire.Pong{}.Kind():    on((*session).pong),
	wire.TextGet{}.Kind(): on((*session).text),

	wire.ChatRead{}.Kind():     on((*session).chatRead),
	wire.ChatMark{}.Kind():     done((*session).chatMark),
	wire.ChatDisclose{}.Kind(): done((*session).chatDisclose),
	wire.ChatTyping{}.Kind():   done((*session).chatTyping),
	wire.ChatPresence{}.Kind(): on((*session).chatPresence),
	wire.ChatSearch{}.Kind():   on((*session).chatSearch),

	wire.ChatReceiptGet{}.Kind(): asks(receipts, Receipts.Receipt),
	wire.Report{}.Kind():         asks(reports, Reports.Report),

	wire.CrowdJoin{}.Kind():  on((*session).crowdJoin),
	wire.CrowdLeave{}.Kind(): done((*session).crowdLeave),

	wire.ExchangeRequest{}.Kind():   asks(exchanges, Exchanges.Request),
	wire.ExchangeAnswer{}.Kind():    asks(exchanges, Exchanges.Answer),
	wire.ExchangeWithdraw{}.Kind():  asks(exchanges, Exchanges.Withdraw),
	wire.ExchangeRead{}.Kind():      asks(exchanges, Exchanges.Read),
	wire.AppointmentInvite{}.Kind(): asks(appointments, Appointments.Invite),
	wire.AppointmentAct{}.Kind():    asks(appointments, Appointments.Act),
	wire.AttachOpen{}.Kind():        asks(attachments, Attachments.Open),

	wire.SettingsGet{}.Kind(): asks(people, settingsGet),
	wire.SettingsSet{}.Kind(): asks(people, People.Set),
	wire.Block{}.Kind():       asks(people, blocks),
	wire.BlocksGet{}.Kind():   asks(people, blocksGet),
	wire.QuotaGet{}.Kind():    asks(people, quotaGet),
	wire.InsightGet{}.Kind():  asks(people, People.Insight),

	wire.InterviewOpen{}.Kind():     on((*session).interviewOpen),
	wire.InterviewConsent{}.Kind():  done((*session).interviewConsent),
	wire.InterviewWithdraw{}.Kind(): done((*session).interviewWithdraw),
	wire.InterviewJoin{}.Kind():     on((*session).interviewJoin),
	wire.InterviewResume{}.Kind():   on((*session).interviewResume),
	wire.InterviewLeave{}.Kind():    done((*session).interviewLeave),
	wire.InterviewEnd{}.Kind():      done((*session).interviewEnd),
	wire.InterviewMute{}.Kind():     done((*session).interviewMute),
	wire.InterviewReceipts{}.Kind(): on((*session).interviewReceipts),

	wire.RTCOffer{}.Kind():     done((*session).rtcOffer),
	wire.RTCAnswer{}.Kind():    done((*session).rtcAnswer),
	wire.RTCCandidate{}.Kind(): done((*session).rtcCandidate),
	wire.RTCRestart{}.Kind():   done((*session).rtcRestart),
}

// client serves the client's next frames in their order, as far as they need not wait for answers before them.
func (s *session) client() (bool, error) {
	if s.next == nil && len(s.lines) == 0 && s.paused.IsZero() {
		m, ok := s.box.message()
		if !ok {
			return false, nil
		}
		s.readOn()
		if !s.opened {
			return true, s.open(m)
		}
		return true, s.message(m)
	}
	return s.serve()
}

// message begins to serve the frames of one WebSocket message.
func (s *session) message(m []byte) error {
	lines, err := wire.SplitMessage(wire.Client, m)
	if err != nil || len(lines) == 0 {
		return s.reject("", wire.ErrBadFrame)
	}
	s.lines = lines
	_, err = s.serve()
	return err
}

// serve goes on with the frames of a message.
func (s *session) serve() (did bool, err error) {
	for s.paused.IsZero() {
		if s.next == nil && len(s.lines) == 0 {
			s.lines = nil
			return did, nil
		}
		if s.next == nil {
			line := s.lines[0]
			s.lines = s.lines[1:]
			if s.next, err = s.decode(line); err != nil {
				return true, err
			}
			did = true
			continue
		}
		if s.mustWait(s.next.Body) {
			return did, nil
		}
		f := *s.next
		s.next, did = nil, true
		if err := s.frame(f); err != nil {
			return true, err
		}
	}
	return did, nil
}

// decode reads a line and asks the limits; nil says that it was answered with a refusal.
func (s *session) decode(line []byte) (*wire.Frame, error) {
	f, err := wire.DecodeFrom(wire.Client, line)
	if err != nil {
		s.g.metrics.unknown.Inc()
	} else {
		s.g.metrics.received(f.Body.Kind())
	}
	if refused := s.limited(f); refused != nil {
		return nil, s.slow(f.Ref, refused)
	}
	if err != nil {
		return nil, s.reject(f.Ref, err)
	}
	return &f, nil
}

func (s *session) frame(f wire.Frame) error {
	kind := f.Body.Kind()
	if begin := pipelined[kind]; begin != nil {
		wait, err := begin(s.ctx, s, f.Body)
		if err != nil {
			return s.refuse(f.Ref, kind, err)
		}
		return s.promise(&reply{ref: f.Ref, kind: kind, wait: wait})
	}
	answer, err := handlers[kind](s.ctx, s, f.Body)
	return s.respond(f.Ref, kind, answer, err)
}

// reject answers what is no frame. Kinds that the server does not know yet are no fault of the stream and not counted.
func (s *session) reject(ref string, err error) error {
	if e := s.refuse(ref, "", err); e != nil {
		return e
	}
	if !errors.Is(err, wire.ErrBadFrame) {
		return nil
	}
	if s.bad++; s.bad >= maxBad {
		return &ending{code: wire.ClosePolicy, reason: "garbage"}
	}
	return nil
}
