package moderation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// SilenceKind is how much a silence takes. The zero value is none.
type SilenceKind string

// The kinds of silences. Both leave reading, reporting and taking back what one said.
const (
	// Mute keeps a person from writing; exchanges, and appointments without a note, go on.
	Mute SilenceKind = "mute"
	// Ban keeps a person from sending anything at all.
	Ban SilenceKind = "ban"
)

// Silence keeps a person from sending, until a moment or for good.
type Silence struct {
	User   identity.UserID
	Kind   SilenceKind
	Until  time.Time // zero: for good
	Reason string    // for moderators, not told to the person
	Set    time.Time
}

// MaxReason bounds the reason of a silence, in bytes.
const MaxReason = 500

// Silence mutes or bans a person, in place of what was set before. It holds on this node at once, on others within 2 s.
func (s *Service) Silence(ctx context.Context, p identity.Principal, q Silence) error {
	if err := identity.Allow(p, identity.Moderate); err != nil {
		return err
	}
	if err := s.checkSilence(q); err != nil {
		return err
	}
	row := SilenceRow{User: q.User, Kind: q.Kind, Until: q.Until.UTC().Truncate(time.Microsecond)}
	if q.Until.IsZero() {
		row.Until = time.Time{}
	}
	var err error
	if row.Reason, err = s.seal(ctx, q.User, "silence", "", q.Reason); err != nil {
		return err
	}
	if err := s.set(ctx, row); err != nil {
		return fmt.Errorf("silence: %w", err)
	}
	return nil
}

// set stores a row and knows it from then on. No look goes on meanwhile: one that read the store before would take it back.
func (s *Service) set(ctx context.Context, row SilenceRow) error {
	s.looks.Lock()
	defer s.looks.Unlock()
	if err := s.cfg.Store.Silence(ctx, row); err != nil {
		return err
	}
	s.know([]SilenceRow{row})
	return nil
}

func (s *Service) checkSilence(q Silence) error {
	switch {
	case q.User == "" || len(q.User) > identity.MaxUserID:
		return policy.ErrBadRequest.With("Name a user.", "请指定用户。")
	case q.Kind != Mute && q.Kind != Ban:
		return policy.ErrBadRequest.With("A silence is a mute or a ban.", "类型只能是禁言或封禁。")
	case !q.Until.IsZero() && !q.Until.After(s.cfg.Now()):
		return policy.ErrBadRequest.With("It would have ended already.", "截止时间已过。")
	case q.Reason == "" || len(q.Reason) > MaxReason:
		return policy.ErrBadRequest.With("A reason of at most 500 bytes is needed.", "请填写不超过 500 字节的原因。")
	}
	return nil
}

// Lift ends a silence. It is ErrNotFound if the person is not silent.
func (s *Service) Lift(ctx context.Context, p identity.Principal, u identity.UserID) error {
	if err := identity.Allow(p, identity.Moderate); err != nil {
		return err
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	if _, silent := s.silenceOf(u); !silent {
		return policy.ErrNotFound
	}
	if err := s.set(ctx, SilenceRow{User: u}); err != nil {
		return fmt.Errorf("lift silence: %w", err)
	}
	return nil
}

// Silenced lists who is silent, by user ids behind after, ascending.
func (s *Service) Silenced(ctx context.Context, p identity.Principal, after identity.UserID, limit int) ([]Silence, error) {
	if err := identity.Allow(p, identity.Moderate); err != nil {
		return nil, err
	}
	rows, err := s.cfg.Store.Silenced(ctx, s.cfg.Now(), after, limit)
	if err != nil {
		return nil, fmt.Errorf("list silences: %w", err)
	}
	var all []Silence
	for _, r := range rows {
		q := Silence{User: r.User, Kind: r.Kind, Until: r.Until, Set: r.Set}
		if q.Reason, err = s.open(ctx, r.User, "silence", "", r.Reason); err != nil {
			return nil, err
		}
		all = append(all, q)
	}
	return all, nil
}

// look learns what other nodes silenced.
func (s *Service) look(ctx context.Context) error {
	s.looks.Lock()
	defer s.looks.Unlock()
	return s.lookLocked(ctx)
}

// begin makes the first look. Those who wait for one that failed share its failure, so that a store that is away holds nobody up for longer
// than one look takes; that the first of them goes away ends it for nobody.
func (s *Service) begin(ctx context.Context) error {
	if s.known() {
		return nil
	}
	s.looks.Lock()
	defer s.looks.Unlock()
	if s.known() {
		return nil
	}
	if s.failed != nil && time.Since(s.failedAt) < time.Second {
		return s.failed
	}
	s.failed, s.failedAt = s.lookLocked(context.WithoutCancel(ctx)), time.Now()
	return s.failed
}

func (s *Service) known() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return !s.since.IsZero()
}

func (s *Service) lookLocked(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	s.mu.RLock()
	from := s.since
	s.mu.RUnlock()
	if !from.IsZero() {
		from = from.Add(-overlap)
	}
	rows, now, err := s.cfg.Store.Since(ctx, from)
	if err != nil {
		return fmt.Errorf("look for silences: %w", err)
	}
	s.know(rows)
	s.mu.Lock()
	s.since = now
	s.mu.Unlock()
	return nil
}

// know takes in rows.
func (s *Service) know(rows []SilenceRow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	for _, r := range rows {
		if r.Kind == "" || !r.Until.IsZero() && !r.Until.After(now) {
			delete(s.silent, r.User)
			continue
		}
		s.silent[r.User] = Silence{User: r.User, Kind: r.Kind, Until: r.Until}
	}
}

// forget drops what has ended.
func (s *Service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	maps.DeleteFunc(s.silent, func(_ identity.UserID, q Silence) bool { return !q.Until.IsZero() && !q.Until.After(now) })
}

func (s *Service) silenceOf(u identity.UserID) (Silence, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	q, ok := s.silent[u]
	return q, ok && (q.Until.IsZero() || q.Until.After(s.cfg.Now()))
}

// quiet refuses what a silent person may not send. Before the first look at the store nobody is known, so it is made first.
func (s *Service) quiet(ctx context.Context, a chat.Attempt) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	q, silent := s.silenceOf(a.By.User)
	if !silent || q.Kind.leaves(a) {
		return nil
	}
	if q.Until.IsZero() {
		return policy.ErrMuted
	}
	return policy.ErrMuted.After(q.Until.Sub(s.cfg.Now()))
}

// leaves says what a silent person may still do.
func (k SilenceKind) leaves(a chat.Attempt) bool {
	if k == Ban {
		return a.Type == chat.TypeRecall
	}
	if a.Type == chat.TypeAppointment {
		var c wire.AppointmentContent
		return json.Unmarshal(a.Content, &c) == nil && c.Note == ""
	}
	return slices.Contains([]string{chat.TypeRecall, chat.TypeExchange}, a.Type)
}
