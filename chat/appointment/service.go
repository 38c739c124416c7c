package appointment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// Limits of what callers may hand in.
const (
	MaxOpen    = 10  // appointments of a conversation that are not over
	MaxNote    = 500 // bytes
	MinMinutes = 5
	MaxMinutes = 480
	MaxAhead   = 366 * 24 * time.Hour
)

// Config is what a [Service] may be told; zero fields mean the defaults.
type Config struct {
	Now     func() time.Time
	Metrics prometheus.Registerer
}

// Service is the appointments of one node. Any goroutine may call it.
//
// Errors are *policy.Refusal where a person may be told the reason; all others are internal. After an error that invites
// another try, or the end of ctx, the outcome is unknown; the same call again is the same step.
type Service struct {
	chat  Chat
	now   func() time.Time
	steps *prometheus.CounterVec
}

// New puts a service together.
func New(c Chat, cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Metrics == nil {
		cfg.Metrics = prometheus.NewRegistry()
	}
	s := &Service{chat: c, now: cfg.Now, steps: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_appointment_steps_total", Help: "Steps of appointments by the state they led to.",
	}, []string{"state"})}
	cfg.Metrics.MustRegister(s.steps)
	for _, state := range []string{invited, accepted, declined, rescheduled, cancelled, noShow} {
		s.steps.WithLabelValues(state)
	}
	return s
}

// Invite proposes when to meet; for recruiters and headhunters. The same cid makes it the same invitation, whatever has
// become of it.
func (s *Service) Invite(ctx context.Context, p identity.Principal, f wire.AppointmentInvite) (wire.AppointmentState, error) {
	id := chat.ConversationID(f.Conversation)
	if _, err := s.chat.Enter(ctx, p, identity.AppointmentAct, id); err != nil {
		return wire.AppointmentState{}, err
	}
	if p.Role == identity.Candidate {
		return wire.AppointmentState{}, errCandidate
	}
	if err := chat.ClientID(f.CID).Verify(); err != nil {
		return wire.AppointmentState{}, err
	}
	thing := idOf(id, p.User, uuid.MustParse(f.CID))
	a, err := s.load(ctx, id, thing)
	if errors.Is(err, policy.ErrNotFound) {
		a, err = s.invite(ctx, p, f, thing)
	}
	if err != nil {
		return wire.AppointmentState{}, err
	}
	return a.state(), nil
}

func (s *Service) invite(ctx context.Context, p identity.Principal, f wire.AppointmentInvite, thing chat.ThingID) (appointment, error) {
	id := chat.ConversationID(f.Conversation)
	a := appointment{Thing: chat.Thing{Conversation: id, ID: thing, Opener: p.User}}
	o := offer{act: invite, at: moment(f.At), minutes: f.Minutes, note: f.Note, confirmed: f.Confirmed}
	if err := s.checkOffer(o); err != nil {
		return a, err
	}
	if err := s.checkRoom(ctx, id); err != nil {
		return a, err
	}
	return s.take(ctx, p, a, move{offer: o, as: inviter, cid: chat.ClientID("appointment/invite/" + f.CID)})
}

// checkRoom refuses one appointment too many. Two invitations at the same moment may both find room.
func (s *Service) checkRoom(ctx context.Context, id chat.ConversationID) error {
	things, err := s.chat.Things(ctx, id, chat.KindAppointment)
	if err != nil {
		return fmt.Errorf("read appointments: %w", err)
	}
	open := 0
	for _, t := range things {
		a, err := s.unseal(ctx, t)
		if err != nil {
			return err
		}
		if a.open(s.now()) {
			open++
		}
	}
	if open >= MaxOpen {
		return errMany
	}
	return nil
}

// Act takes the next step. Repeated, it answers with how the appointment stands.
func (s *Service) Act(ctx context.Context, p identity.Principal, f wire.AppointmentAct) (wire.AppointmentState, error) {
	id := chat.ConversationID(f.Conversation)
	if _, err := s.chat.Enter(ctx, p, identity.AppointmentAct, id); err != nil {
		return wire.AppointmentState{}, err
	}
	if !slices.Contains(acts, f.Act) {
		return wire.AppointmentState{}, errAct
	}
	a, err := s.load(ctx, id, chat.ThingID(f.Appointment))
	if err != nil {
		return wire.AppointmentState{}, err
	}
	o := offer{act: f.Act, at: moment(f.At), minutes: f.Minutes, note: f.Note, confirmed: f.Confirmed}
	if !a.took(p.User, o) {
		a, err = s.act(ctx, p, a, o)
	}
	if err != nil {
		return wire.AppointmentState{}, err
	}
	return a.state(), nil
}

func (s *Service) act(ctx context.Context, p identity.Principal, a appointment, o offer) (appointment, error) {
	if _, err := next(a.State, o.act, a.part(p), s.now(), a.At); err != nil {
		return a, err
	}
	if o.act == accept && !o.at.IsZero() && !o.at.Equal(a.At) {
		return a, errChanged
	}
	if o.act != reschedule {
		o.at, o.minutes = a.At, a.Minutes
	}
	if o.minutes == 0 {
		o.minutes = a.Minutes
	}
	if err := s.checkOffer(o); err != nil {
		return a, err
	}
	return s.take(ctx, p, a, move{offer: o, as: a.part(p)})
}

// offer is what somebody wants to do.
type offer struct {
	act       string
	at        time.Time
	minutes   int
	note      string
	confirmed bool
}

// moment is a time as it is kept: to the second.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// took says that the user's step of that kind was the last one.
func (a appointment) took(user identity.UserID, o offer) bool {
	i := slices.IndexFunc(steps, func(s step) bool { return s.act == o.act })
	if i < 0 || a.By != user || a.State != steps[i].to {
		return false
	}
	return o.act != reschedule && o.act != invite || a.At.Equal(o.at) && (o.minutes == 0 || o.minutes == a.Minutes)
}

func (s *Service) checkOffer(o offer) error {
	now := s.now()
	switch {
	case (o.act == invite || o.act == reschedule) && (!o.at.After(now) || o.at.After(now.Add(MaxAhead))):
		return errAt
	case o.minutes < MinMinutes || o.minutes > MaxMinutes:
		return errLong
	case len(o.note) > MaxNote || !utf8.ValidString(o.note) || strings.ContainsFunc(o.note, hidden):
		return errNote
	}
	return nil
}

// hidden are the characters that a note can't have.
func hidden(r rune) bool { return unicode.IsControl(r) && r != '\n' }
