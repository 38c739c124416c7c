package interview

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// snapshot is what an owner last let others see. Nothing of it is changed afterwards.
type snapshot struct {
	Interview
	seats     map[identity.UserID]occupied
	recording bool
}

// occupied is a seat in a snapshot.
type occupied struct {
	id    string
	peer  Peer
	away  bool
	media []wire.MediaLine
}

// View is the interview as the participant sees it, the other's name masked as in the conversation (T2). The platform's
// backend sees it with all names masked that are not public.
func (s *Service) View(ctx context.Context, p identity.Principal, id ID) (wire.Interview, error) {
	if err := mayView(p); err != nil {
		return wire.Interview{}, err
	}
	now, err := s.snapshot(ctx, id)
	if err != nil {
		return wire.Interview{}, err
	}
	if p.Role != identity.Service && now.find(p) == nil {
		return wire.Interview{}, policy.ErrNotFound
	}
	return s.render(ctx, p, now)
}

// Active are the interviews that the principal is invited to and that have not ended, oldest first.
func (s *Service) Active(ctx context.Context, p identity.Principal) ([]wire.Interview, error) {
	if err := identity.Allow(p, identity.InterviewJoin); err != nil {
		return nil, err
	}
	found, err := s.cfg.Store.List(ctx, Filter{User: p.User, States: []State{Open, Live}}, sweepBatch)
	if err != nil {
		return nil, fmt.Errorf("list interviews: %w", err)
	}
	var views []wire.Interview
	for _, i := range found {
		if i.find(p) == nil {
			continue // invited in another role (T1)
		}
		now, err := s.snapshot(ctx, i.ID)
		if err != nil {
			return nil, err
		}
		v, err := s.render(ctx, p, now)
		if err != nil {
			return nil, err
		}
		if now.State != Ended {
			views = append(views, v)
		}
	}
	return views, nil
}

// Receipts are the signed heads of the parts that are sealed so far, for a participant who missed the push (E6).
func (s *Service) Receipts(ctx context.Context, p identity.Principal, id ID) (wire.InterviewReceipt, error) {
	if err := identity.Allow(p, identity.InterviewJoin); err != nil {
		return wire.InterviewReceipt{}, err
	}
	now, err := s.snapshot(ctx, id)
	if err != nil {
		return wire.InterviewReceipt{}, err
	}
	if now.find(p) == nil {
		return wire.InterviewReceipt{}, policy.ErrNotFound
	}
	r, _, err := s.heads(ctx, id)
	return r, err
}

// heads are those of an interview's parts that are sealed; missing are the others.
func (s *Service) heads(ctx context.Context, id ID) (r wire.InterviewReceipt, missing int, err error) {
	parts, err := s.cfg.Recorder.Parts(ctx, id)
	if err != nil {
		return r, 0, fmt.Errorf("list parts: %w", err)
	}
	r = wire.InterviewReceipt{Interview: string(id), Heads: []wire.ReceiptHead{}}
	for _, part := range parts {
		if part.Head != nil {
			r.Heads = append(r.Heads, *part.Head)
		}
	}
	return r, len(parts) - len(r.Heads), nil
}

func mayView(p identity.Principal) error {
	if p.Role == identity.Service {
		return nil
	}
	return identity.Allow(p, identity.InterviewJoin)
}

// snapshot is what the owner shows, or what is stored when there is none.
func (s *Service) snapshot(ctx context.Context, id ID) (*snapshot, error) {
	if x := s.session(id); x != nil {
		if now := x.shown.Load(); now != nil {
			return now, nil
		}
	}
	i, err := s.cfg.Store.Load(ctx, id)
	if errors.Is(err, ErrUnknown) {
		return nil, policy.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("load interview: %w", err)
	}
	return &snapshot{Interview: i}, nil
}

func (s *Service) render(ctx context.Context, p identity.Principal, now *snapshot) (wire.Interview, error) {
	members, err := s.cfg.Chat.Members(ctx, now.Conversation)
	if err != nil {
		return wire.Interview{}, fmt.Errorf("members of conversation: %w", err)
	}
	notice, _ := s.cfg.Texts.Current(policy.InterviewRecording)
	v := wire.Interview{ID: string(now.ID), Conversation: string(now.Conversation), State: string(now.State),
		Reason: string(now.Reason), Notice: notice.Version, Recording: now.recording,
		Live: moment(now.Live), Ended: moment(now.Ended), RecordedSince: moment(now.RecordedSince)}
	viewer := p.User
	if p.Role == identity.Service {
		viewer = "" // a backend is nobody's own name
	}
	for _, part := range now.Participants {
		v.Participants = append(v.Participants, renderParticipant(now, part, members, viewer))
	}
	return v, nil
}

func renderParticipant(now *snapshot, part Participant, members []chat.Member, viewer identity.UserID) wire.Participant {
	w := wire.Participant{User: string(part.User), Role: string(part.Role), Consent: string(part.Consent)}
	if n := slices.IndexFunc(members, func(m chat.Member) bool { return m.User == part.User }); n >= 0 {
		w.Name, _ = members[n].NameFor(viewer)
	}
	if seat, ok := now.seats[part.User]; ok {
		w.Present, w.Away, w.Media = true, seat.away, seat.media
	}
	return w
}

// moment is nil for a time that has not come.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
