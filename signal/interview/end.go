package interview

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// End hangs up for everybody, or calls off an interview that nobody entered. Repeating it is no error.
func (s *Service) End(ctx context.Context, p identity.Principal, id ID) error {
	if err := identity.Allow(p, identity.InterviewEnd); err != nil {
		return err
	}
	return s.ask(ctx, id, func(ctx context.Context, x *session) error {
		if x.interview.find(p) == nil {
			return policy.ErrNotFound
		}
		x.end(ctx, p, Hangup)
		return nil
	})
}

// cutFirst are the ends that wait for nothing: what follows is no longer allowed, or no longer evidence.
var cutFirst = map[Reason]bool{Withdrawn: true, Revoked: true, RecordingFailed: true}

// end ends the interview once. The media is cut whatever becomes of the rest: stopping can't be refused because a book
// is full.
func (x *session) end(ctx context.Context, p identity.Principal, why Reason) {
	if x.interview.State == Ended {
		return
	}
	if cutFirst[why] {
		x.strike(string(why))
	}
	audit, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	x.report(ctx, "audit", x.svc.cfg.Audit.Record(audit, p, "interview.end", string(x.id), "reason", string(why)))
	x.strike(string(why))
	x.interview.State, x.interview.Reason = Ended, why
	x.interview.Ended = x.endTime(ctx, why)
	x.rejoinBy, x.emptyAt = time.Time{}, time.Time{}
	x.changed = true
	x.headsBy = time.Now().Add(headsTime)
	x.svc.metrics.ended.WithLabelValues(string(why)).Inc()
	x.keep(ctx)
	if x.sealing == 0 {
		x.receipts()
	}
}

// endTime is now, except after a restart: then it is where the recording ends.
func (x *session) endTime(ctx context.Context, why Reason) time.Time {
	now := x.svc.cfg.Now().UTC().Truncate(time.Microsecond)
	if why != Interrupted {
		return now
	}
	ctx, cancel := step(ctx)
	defer cancel()
	parts, err := x.svc.cfg.Recorder.Parts(ctx, x.id)
	x.report(ctx, "end", err)
	last := x.interview.Live
	for _, part := range parts {
		if part.Ended.After(last) {
			last = part.Ended
		}
	}
	return last.UTC().Truncate(time.Microsecond)
}

// expire ends an interview that was never held, unless somebody sits and waits in it.
func (x *session) expire(ctx context.Context) error {
	due := x.interview.Opened.Add(x.svc.cfg.OpenFor)
	if x.interview.State == Open && len(x.seats) == 0 && x.svc.cfg.Now().After(due) {
		x.end(ctx, identity.Principal{}, Expired)
	}
	return nil
}

// announce posts the card of the state into the conversation, unless it is known to stand there. A crash between the
// post and the note that it was made leaves it to be posted again, which changes nothing.
func (x *session) announce(ctx context.Context) error {
	i := &x.interview
	if i.Posted == i.State {
		return nil
	}
	ctx, cancel := step(ctx)
	defer cancel()
	for _, user := range i.answers(TookBack) {
		note := wire.SystemContent{Code: "consent_withdrawn", User: string(user)}
		if err := x.post(ctx, chat.TypeSystem, "withdrawn "+string(user), note); err != nil {
			return err
		}
	}
	if err := x.post(ctx, chat.TypeInterview, string(i.State), i.card()); err != nil {
		return err
	}
	i.Posted, x.changed = i.State, true // who was invited learns of it now
	return x.save(ctx)
}

func (x *session) post(ctx context.Context, kind, about string, content any) error {
	b, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("encode card: %w", err)
	}
	d := chat.Draft{Conversation: x.interview.Conversation, CID: x.interview.entryID(about), Type: kind, Content: b}
	if _, err := x.svc.cfg.Chat.Post(ctx, x.interview.Conversation, d); err != nil {
		return fmt.Errorf("post card: %w", err)
	}
	return nil
}
