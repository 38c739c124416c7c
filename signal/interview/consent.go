package interview

import (
	"context"
	"errors"
	"fmt"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/signal/wire"
)

// Consent records a participant's answer to the notice. The version must be the one in force: policy.ErrTextVersion
// otherwise (R6). With AudioOnly the camera stays out of the interview (R7). A no ends the interview and nothing else;
// after a yes it is a withdrawal.
func (s *Service) Consent(ctx context.Context, p identity.Principal, c wire.InterviewConsent) error {
	if err := identity.Allow(p, identity.InterviewConsent); err != nil {
		return err
	}
	return s.ask(ctx, ID(c.Interview), func(ctx context.Context, x *session) error {
		part, err := x.invited(p)
		if err != nil {
			return err
		}
		if !c.Agree {
			return x.refuse(ctx, p, part, c.Version)
		}
		return x.agree(ctx, part, c)
	})
}

// Withdraw takes the consent back: media and journals stop within 3 s, and the interview ends (R3). The media is cut even
// if the ledger can't be written; then the error says that the withdrawal must be tried again. [*cluster.Elsewhere] when it
// is written down and the owner, another node, has not been told: it finds the withdrawal in the ledger by itself.
func (s *Service) Withdraw(ctx context.Context, p identity.Principal, id ID) error {
	if err := identity.Allow(p, identity.InterviewConsent); err != nil {
		return err
	}
	now, err := s.snapshot(ctx, id)
	if err != nil {
		return err
	}
	if now.find(p) == nil {
		return policy.ErrNotFound
	}
	err = s.record(ctx, p, id)
	if err != nil {
		s.cut(id) // the ledger told nobody
	}
	told := s.ask(ctx, id, func(ctx context.Context, x *session) error { return x.takeBack(ctx, p.User, true) })
	if err != nil && elsewhere(told) {
		told = nil // what matters is that it is not written down
	}
	return errors.Join(err, told)
}

// record writes the withdrawal down, its audit entry first; the ledger then tells [Service.withdrawn].
func (s *Service) record(ctx context.Context, p identity.Principal, id ID) error {
	ctx, cancel := step(ctx)
	defer cancel()
	if err := s.cfg.Audit.Record(ctx, p, "consent.withdraw", string(id)); err != nil {
		return fmt.Errorf("withdraw: %w", err)
	}
	if err := s.cfg.Ledger.Withdraw(ctx, matter(id, p.User)); err != nil {
		return fmt.Errorf("withdraw: %w", err)
	}
	return nil
}

// cut closes the interview's room without waiting for its owner, who keeps the books when it comes to it.
func (s *Service) cut(id ID) {
	x := s.session(id)
	if x == nil {
		return
	}
	if room := x.room.Load(); room != nil {
		(*room).Close()
	}
}

// invited finds the principal among the participants of an interview that goes on.
func (x *session) invited(p identity.Principal) (*Participant, error) {
	part := x.interview.find(p)
	if part == nil {
		return nil, policy.ErrNotFound
	}
	if x.interview.State == Ended {
		return nil, policy.ErrGone.With("This interview has ended.", "这场面试已经结束。")
	}
	return part, nil
}

// matter is what a participant's consent is about: this interview's recording.
func matter(id ID, u identity.UserID) privacy.Matter {
	return privacy.Matter{Subject: policy.Subject(u), Purpose: policy.InterviewRecording, Context: string(id)}
}

func (x *session) matter(u identity.UserID) privacy.Matter { return matter(x.id, u) }

func (x *session) agree(ctx context.Context, part *Participant, c wire.InterviewConsent) error {
	ctx, cancel := step(ctx)
	defer cancel()
	scope := privacy.AudioVideo
	if c.AudioOnly {
		scope = privacy.Audio
	}
	m := x.matter(part.User)
	if err := x.svc.cfg.Ledger.Agree(ctx, m, c.Version, scope); err != nil {
		return fmt.Errorf("agree: %w", err)
	}
	grant, err := x.svc.cfg.Ledger.Granted(ctx, m)
	if err != nil {
		return fmt.Errorf("agree: %w", err)
	}
	if s := x.seats[part.User]; s != nil && s.grant.Scope != grant.Scope {
		x.vacate(part.User, LostConsent, false) // what may be published changed: a new peer, a new agreement (R7)
	}
	if x.stage != nil {
		x.stage.recording.Consent(ctx, part.User, grant)
	}
	x.answered(ctx, part, consentOf(grant))
	return nil
}

// answered keeps the participant's answer for the others to see.
func (x *session) answered(ctx context.Context, part *Participant, c Consent) {
	if part.Consent != c {
		part.Consent, x.changed = c, true
		x.keep(ctx)
	}
}

func (x *session) refuse(ctx context.Context, p identity.Principal, part *Participant, version string) error {
	if part.Consent == Agreed || part.Consent == AgreedAudio {
		err := x.svc.record(ctx, p, x.id)
		x.takenBack(ctx, part)
		return err
	}
	io, cancel := step(ctx)
	defer cancel()
	if err := x.svc.cfg.Ledger.Decline(io, x.matter(part.User), version); err != nil {
		return fmt.Errorf("decline: %w", err)
	}
	part.Consent = SaidNo
	x.end(ctx, p, Declined)
	return nil
}

// takenBack ends the interview; one that has ended only shows the withdrawal.
func (x *session) takenBack(ctx context.Context, part *Participant) {
	if x.interview.State == Ended {
		x.answered(ctx, part, TookBack)
		return
	}
	part.Consent = TookBack
	x.end(ctx, identity.Principal{User: part.User, Role: part.Role}, Withdrawn)
}

// takeBack follows a withdrawal that the ledger told of. One that did not name this interview concerns it only if the
// user had agreed to it.
func (x *session) takeBack(ctx context.Context, user identity.UserID, named bool) error {
	part := x.interview.user(user)
	if part != nil && (named || part.Consent == Agreed || part.Consent == AgreedAudio) {
		x.takenBack(ctx, part)
	}
	return nil
}
