package gateway

import (
	"context"
	"errors"
	"time"

	"parley/internal/policy"
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

// handlers is the table of dispatch: every kind that a client may send.
var handlers = map[wire.Kind]handler{
	wire.Hello{}.Kind():   on((*session).helloAgain),
	wire.Renew{}.Kind():   done((*session).renew),
	wire.Ping{}.Kind():    on((*session).ping),
	wire.Pong{}.Kind():    on((*session).pong),
	wire.TextGet{}.Kind(): on((*session).text),

	wire.ChatSend{}.Kind():     on((*session).chatSend),
	wire.ChatRead{}.Kind():     on((*session).chatRead),
	wire.ChatMark{}.Kind():     done((*session).chatMark),
	wire.ChatDisclose{}.Kind(): done((*session).chatDisclose),
	wire.ChatSearch{}.Kind():   on((*session).chatSearch),

	wire.ChatReceiptGet{}.Kind(): asks(receipts, Receipts.Receipt),
	wire.Report{}.Kind():         asks(reports, Reports.Report),

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

// message serves the frames of one WebSocket message in their order.
func (s *session) message(m []byte) error {
	lines, err := wire.SplitMessage(wire.Client, m)
	if err != nil || len(lines) == 0 {
		return s.reject(wire.Frame{}, wire.ErrBadFrame)
	}
	for _, line := range lines {
		if err := s.frame(line); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) frame(line []byte) error {
	f, err := wire.DecodeFrom(wire.Client, line)
	if err != nil {
		s.g.metrics.unknown.Inc()
	} else {
		s.g.metrics.received(f.Body.Kind())
	}
	switch {
	case !s.limiter.Allow():
		return s.slow(f.Ref)
	case err != nil:
		return s.reject(f, err)
	}
	answer, err := handlers[f.Body.Kind()](s.ctx, s, f.Body)
	if err != nil {
		return s.send(f.Ref, wireError(s.refusal(s.ctx, f.Body.Kind(), err)))
	}
	if answer == nil || f.Ref == "" && answer == (wire.Body)(wire.Done{}) {
		return nil
	}
	return s.send(f.Ref, answer)
}

// reject answers what is no frame. Kinds that the server does not know yet are no fault of the stream and not counted.
func (s *session) reject(f wire.Frame, err error) error {
	if e := s.send(f.Ref, wireError(s.refusal(s.ctx, "", err))); e != nil {
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

// slow refuses a frame over the limit and makes the client wait for the next: meanwhile nothing is read from it. Who keeps
// it up is closed.
func (s *session) slow(ref string) error {
	if !s.strikes.Allow() {
		return &ending{code: wire.CloseFlood, reason: "flood"}
	}
	if err := s.send(ref, wireError(policy.ErrRateLimited.After(time.Second))); err != nil {
		return err
	}
	wait := time.NewTimer(time.Duration(float64(time.Second) / s.g.limits.Frames))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-s.ctx.Done():
	}
	return nil
}
