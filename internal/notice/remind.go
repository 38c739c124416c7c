package notice

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/internal/identity"
	"parley/internal/outbox"
)

// Unread takes in entries that were stored, with who is to read each of them. Told of an entry twice it does nothing the second
// time: the log's sealer tells it at least once (see package chat/sealer).
func (s *Service) Unread(ctx context.Context, entries []Entry) error {
	newest := map[[2]string]Unread{}
	for _, e := range entries {
		for _, u := range e.Recipients {
			key := [2]string{string(u), e.Conversation}
			if newest[key].Seq < e.Seq {
				newest[key] = Unread{User: u, Conversation: e.Conversation, Seq: e.Seq, At: e.At}
			}
		}
	}
	if len(newest) == 0 {
		return nil
	}
	rows := make([]Unread, 0, len(newest))
	for _, r := range newest {
		rows = append(rows, r)
	}
	if err := s.cfg.Store.Unread(ctx, rows, s.cfg.After); err != nil {
		return fmt.Errorf("keep what is unread: %w", err)
	}
	return nil
}

// Entry is an entry of a log that somebody should read.
type Entry struct {
	Conversation string
	Seq          uint64
	At           time.Time
	Recipients   []identity.UserID
}

// reminders works off a portion of what is due. One that fails does not hold up the others.
func (s *Service) reminders(ctx context.Context) (more bool, err error) {
	due, err := s.cfg.Store.ClaimReminders(ctx, portion, lease)
	if err != nil {
		return false, fmt.Errorf("claim reminders: %w", err)
	}
	var errs []error
	for _, r := range due {
		errs = append(errs, s.remind(ctx, r))
	}
	return len(due) == portion, errors.Join(errs...)
}

// remind decides on one reminder.
func (s *Service) remind(ctx context.Context, r Reminder) error {
	_, channels, quiet, err := s.cfg.Preferences.Notices(ctx, r.User)
	if err != nil {
		return fmt.Errorf("read preferences: %w", err)
	}
	read, err := s.cfg.Cursors.ReadTo(ctx, r.Conversation, r.User)
	if err != nil {
		return fmt.Errorf("read cursor: %w", err)
	}
	if !read.Member || read.To >= r.Seq || len(channels) == 0 {
		return s.cfg.Store.Forget(ctx, r)
	}
	if read.To >= r.Told {
		r.Step, r.Ago = 0, s.cfg.Again // a new streak
	}
	if wait := s.wait(r, read.Since, len(channels)); wait > 0 {
		return s.cfg.Store.Postpone(ctx, r, wait)
	}
	if r.Step >= len(channels) {
		r.Step = 0
	}
	if wait := quietFor(quiet, s.cfg.Now()); wait > 0 {
		return s.cfg.Store.Postpone(ctx, r, wait)
	}
	return s.tell(ctx, r, channels)
}

// wait is how long it is until the next reminder of a streak may come. A row may be due by what was read meanwhile: the first
// reminder comes when the first entry of those that are unread is old enough.
func (s *Service) wait(r Reminder, since time.Time, channels int) time.Duration {
	switch {
	case r.Step == 0 && since.IsZero():
		return 0
	case r.Step == 0:
		return min(s.cfg.After-s.cfg.Now().Sub(since), s.cfg.After) // whoever's clock is ahead
	case r.Step < channels:
		return s.cfg.Escalate - r.Ago
	}
	return s.cfg.Again - r.Ago
}

func (s *Service) tell(ctx context.Context, r Reminder, channels []string) error {
	e := outbox.Event{
		Kind: outbox.ReminderUnread, At: s.cfg.Now().UTC().Truncate(time.Microsecond), Conversation: r.Conversation, Seq: r.Seq, User: r.User,
		Channel: channels[r.Step],
	}
	var err error
	if e.ID, err = outbox.NewID(); err != nil {
		return err
	}
	n := Next{Step: r.Step + 1, Again: s.cfg.Again}
	if n.Step < len(channels) {
		n.Wait = s.cfg.Escalate
	}
	done, err := s.cfg.Store.Remind(ctx, r, n, e)
	if err != nil {
		return fmt.Errorf("remind: %w", err)
	}
	if done {
		s.metrics.reminders.WithLabelValues(bounded(e.Channel)).Inc()
		s.cfg.Wake()
	}
	return nil
}
