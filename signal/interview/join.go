package interview

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/signal/media"
	"parley/signal/wire"
)

var errNotJoined = policy.ErrConflict.With("You have not joined this interview. Please join it first.", "您尚未进入这场面试，请先进入。")

// Join gives the participant a seat; a former one of the same user is replaced. policy.ErrConsentNeeded until the notice in
// force is agreed to (E2, R6). When Join returns, the recording is durable and the client may negotiate.
func (s *Service) Join(ctx context.Context, p identity.Principal, id ID, conn Seat) (wire.Interview, error) {
	if err := identity.Allow(p, identity.InterviewJoin); err != nil {
		return wire.Interview{}, err
	}
	if conn.ID == "" || conn.Send == nil {
		return wire.Interview{}, fmt.Errorf("join: seat without id or send: %w", policy.ErrBadRequest)
	}
	from := time.Now()
	err := s.ask(ctx, id, func(ctx context.Context, x *session) error { return x.join(ctx, p, conn) })
	if err != nil {
		return wire.Interview{}, err
	}
	s.metrics.join.Observe(time.Since(from).Seconds())
	return s.View(ctx, p, id)
}

// Resume takes back a seat whose connection was lost, with its media as it is, by another connection of the same device.
// policy.ErrConflict when there is none to take back: then join.
func (s *Service) Resume(ctx context.Context, p identity.Principal, id ID, conn Seat) (wire.Interview, error) {
	if err := identity.Allow(p, identity.InterviewJoin); err != nil {
		return wire.Interview{}, err
	}
	if conn.ID == "" || conn.Send == nil {
		return wire.Interview{}, fmt.Errorf("resume: seat without id or send: %w", policy.ErrBadRequest)
	}
	err := s.ask(ctx, id, func(_ context.Context, x *session) error { return x.resume(p, conn) })
	if err != nil {
		return wire.Interview{}, err
	}
	return s.View(ctx, p, id)
}

// Leave gives up the connection's seat. The interview goes on.
func (s *Service) Leave(ctx context.Context, p identity.Principal, id ID, seat string) error {
	if err := identity.Allow(p, identity.InterviewJoin); err != nil {
		return err
	}
	return s.ask(ctx, id, func(_ context.Context, x *session) error {
		if x.interview.find(p) == nil {
			return policy.ErrNotFound
		}
		if st := x.seats[p.User]; st != nil && st.last.ID == seat {
			x.vacate(p.User, "", false)
		}
		return nil
	})
}

// Gone says that the connection was lost: its seat is kept for Config.Hold. A seat that another connection has taken
// meanwhile is left alone. It returns when that is noted.
func (s *Service) Gone(p identity.Principal, id ID, seat string) {
	if s.session(id) == nil {
		return // then there is no seat
	}
	ctx := context.Background()
	err := s.ask(ctx, id, func(_ context.Context, x *session) error {
		if st := x.seats[p.User]; st != nil && st.last.ID == seat && st.awayUntil.IsZero() {
			st.part("")
			st.awayUntil = time.Now().Add(s.cfg.Hold)
			x.changed = true
		}
		return nil
	})
	if err != nil && !errors.Is(err, policy.ErrUnavailable) && !errors.Is(err, policy.ErrNotFound) && !elsewhere(err) {
		s.cfg.Log.ErrorContext(ctx, "hold seat", slog.String("interview", string(id)), slog.Any("err", err))
	}
}

// Signal hands a frame of negotiation to the peer of the connection's seat. It does not pass through the owner: a slow
// negotiation holds up nobody else.
func (s *Service) Signal(ctx context.Context, p identity.Principal, id ID, seat string, b wire.Body) error {
	if err := identity.Allow(p, identity.InterviewJoin); err != nil {
		return err
	}
	o, err := s.seated(ctx, p, id, seat)
	if err != nil {
		return err
	}
	return o.peer.Handle(b)
}

// seated finds the connection's seat in what the owner shows.
func (s *Service) seated(ctx context.Context, p identity.Principal, id ID, seat string) (occupied, error) {
	now, err := s.snapshot(ctx, id)
	if err != nil {
		return occupied{}, err
	}
	if now.find(p) == nil {
		return occupied{}, policy.ErrNotFound
	}
	if now.State == Ended {
		return occupied{}, policy.ErrGone.With("This interview has ended.", "这场面试已经结束。")
	}
	o, ok := now.seats[p.User]
	if !ok || o.id != seat {
		return occupied{}, errNotJoined
	}
	return o, nil
}

// Mute tells everybody that tracks of one's own are muted or not; it stands in the journal (E7).
func (s *Service) Mute(ctx context.Context, p identity.Principal, seat string, m wire.InterviewMute) error {
	if err := identity.Allow(p, identity.InterviewJoin); err != nil {
		return err
	}
	return s.ask(ctx, ID(m.Interview), func(_ context.Context, x *session) error {
		if _, err := x.invited(p); err != nil {
			return err
		}
		st := x.seats[p.User]
		if st == nil || st.last.ID != seat {
			return errNotJoined
		}
		if err := st.peer.Mute(media.Label(m.Track), m.Muted); err != nil {
			return fmt.Errorf("mute: %w", err)
		}
		x.changed = st.muted(media.Label(m.Track), m.Muted) || x.changed
		return nil
	})
}

// Revoke takes the seats away that the user has by tokens signed until before, at once (T7); an interview that is left with
// one side ends. A seat by a later token stays, so that a revocation that is told late or twice does no more than it should.
// It does not wait.
func (s *Service) Revoke(user identity.UserID, before time.Time) {
	for _, x := range s.all() {
		x.tell(func(m *mail) { m.revoked[user] = later(m.revoked[user], before) })
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Renew prolongs the seats of a principal who showed a newer token. It does not wait.
func (s *Service) Renew(p identity.Principal) {
	for _, x := range s.all() {
		if now := x.shown.Load(); now != nil && now.find(p) != nil {
			x.tell(func(m *mail) { m.renewed[p.User] = p })
		}
	}
}

func (x *session) join(ctx context.Context, p identity.Principal, conn Seat) error {
	part, err := x.invited(p)
	if err != nil {
		return err
	}
	if x.outdated(p) {
		return policy.ErrRevoked
	}
	io, cancel := step(ctx)
	defer cancel()
	grant, err := x.svc.cfg.Ledger.Granted(io, x.matter(p.User))
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	if err := x.begin(ctx, p); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	x.replace(p.User, conn)
	if err := x.seat(ctx, p, *part, grant, conn); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	x.rejoinBy = time.Time{}
	x.answered(ctx, part, consentOf(grant))
	x.goLive(ctx)
	return nil
}

// replace frees the seat for another connection of its user.
func (x *session) replace(user identity.UserID, conn Seat) {
	reason := LostReplaced
	if former := x.seats[user]; former != nil && former.last.ID == conn.ID {
		reason = "" // the same connection begins anew
	}
	x.vacate(user, reason, true)
}

// seat makes the participant's peer. What it may publish is what was agreed to (R7).
func (x *session) seat(ctx context.Context, p identity.Principal, part Participant, g privacy.Grant, conn Seat) error {
	l, err := x.lane(ctx, part.User, g)
	if err != nil {
		return err
	}
	s := &seat{participant: part, grant: g, last: conn, lane: l, until: x.until(p), lines: map[media.TrackID]wire.MediaLine{}}
	s.conn.Store(&conn)
	video := g.Scope == privacy.AudioVideo
	peer, err := x.stage.room.Join(PeerSpec{User: part.User, Publish: Publish{Audio: true, Video: video, Screen: video}, Sink: l.sink,
		Send: func(b wire.Body) { s.send(x.id, b) },
		Events: func(e PeerEvent) {
			if s.hear(e) {
				x.tell(func(m *mail) { m.media = true })
			}
		}})
	if err != nil {
		return fmt.Errorf("make peer: %w", err)
	}
	s.peer = peer
	x.note(p)
	l.serve(peer)
	x.seats[part.User] = s
	x.changed = true
	x.show() // at once: the client may answer an offer before the join is answered
	return nil
}

// until is when the principal's seat ends unless it is renewed, on the monotonic clock.
func (x *session) until(p identity.Principal) time.Time {
	if p.Until().IsZero() {
		return time.Time{}
	}
	return time.Now().Add(p.Until().Sub(x.svc.cfg.Now()))
}

// goLive follows the moment when all are first present.
func (x *session) goLive(ctx context.Context) {
	if x.interview.State != Open || len(x.seats) < len(x.interview.Participants) {
		return
	}
	x.interview.State, x.interview.Live = Live, x.svc.cfg.Now().UTC().Truncate(time.Microsecond)
	x.changed = true
	x.svc.metrics.started.Inc()
	x.keep(ctx)
}

func (x *session) resume(p identity.Principal, conn Seat) error {
	if _, err := x.invited(p); err != nil {
		return err
	}
	if x.outdated(p) {
		return policy.ErrRevoked
	}
	s := x.seats[p.User]
	if s == nil || s.awayUntil.IsZero() || s.broken() || conn.Device == "" || conn.Device != s.last.Device {
		return errNotJoined
	}
	s.last, s.awayUntil, s.until = conn, time.Time{}, x.until(p)
	s.conn.Store(&conn)
	x.note(p)
	x.changed = true
	x.show()
	// Offers and candidates made meanwhile were lost: negotiate anew what the server sends.
	if err := s.peer.Handle(wire.RTCRestart{Interview: string(x.id)}); err != nil {
		x.vacate(p.User, "", true)
		return errNotJoined
	}
	return nil
}

// revoke drops the user's seat (T7). Alone nobody can be interviewed: with fewer than two left an interview under way
// ends, also when the user's connection was shut out first and has given up its seat already.
func (x *session) revoke(ctx context.Context, user identity.UserID) {
	underWay := x.stage != nil || x.interview.State == Live
	if x.interview.State == Ended || !underWay || x.interview.user(user) == nil || !x.shutOut(user) {
		return
	}
	x.vacate(user, LostRevoked, false)
	left := 0
	for _, part := range x.interview.Participants {
		if !x.shutOut(part.User) {
			left++
		}
	}
	if left < 2 {
		x.end(ctx, identity.Principal{}, Revoked)
	}
}

// outdated says that the principal's token was signed before the user's access was taken away.
func (x *session) outdated(p identity.Principal) bool {
	at, ok := x.revoked[p.User]
	return ok && !p.Issued.After(at)
}

// shutOut says that the user's access was taken away and that no later token has been seen.
func (x *session) shutOut(user identity.UserID) bool {
	return x.outdated(identity.Principal{User: user, Issued: x.issued[user]})
}

// note keeps when the newest token was signed by which a participant took the seat.
func (x *session) note(p identity.Principal) { x.issued[p.User] = later(x.issued[p.User], p.Issued) }

func (x *session) renew(p identity.Principal) {
	if s := x.seats[p.User]; s != nil && s.participant.Role == p.Role {
		s.until = x.until(p)
		x.note(p)
	}
}
