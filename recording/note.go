package recording

import (
	"context"
	"fmt"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
)

// EventKind says what happened in a session. The zero value is nothing.
type EventKind string

// Kinds of events that this package knows; others are kept as they are.
const (
	// EventConsent says that User agreed to the text Detail["version"] (R6).
	EventConsent EventKind = "consent"
	// EventWithdrawn says that User took the consent back (R3).
	EventWithdrawn EventKind = "withdrawn"
	// EventResume says that a résumé was shown (E2).
	EventResume EventKind = "resume"
)

// Event is something that belongs to the evidence beside media.
type Event struct {
	At     time.Time         `json:"at"`
	User   identity.UserID   `json:"user,omitempty"` // whom it is about; empty: everybody
	Kind   EventKind         `json:"kind"`
	Detail map[string]string `json:"detail,omitempty"`
}

// Note adds an event to the manifest, sealed, and to its user's journal. It is durable on return.
//
// A consent opens the user's sink from then on; a withdrawal closes it at once and for good (R3).
func (rec *Recording) Note(_ context.Context, e Event) error {
	if e.Kind == "" {
		return fmt.Errorf("note event: %w", policy.ErrBadRequest)
	}
	if e.At.IsZero() {
		e.At = rec.r.cfg.Now()
	}
	w := rec.writer(e.User)
	if e.User != "" && w == nil {
		return fmt.Errorf("note event: %w", policy.ErrNotFound)
	}
	if w != nil {
		w.note(e, rec.start)
	}
	if err := rec.ledger.event(e); err != nil {
		return fmt.Errorf("note event: %w", err)
	}
	rec.agree(e)
	return nil
}

// note buffers the event for the journal.
func (w *writer) note(e Event, start time.Time) {
	if r, err := jsonRecord(RecordConsent, 0, e.At.Sub(start), e); err == nil {
		w.sink.add(r)
	}
	if e.Kind == EventWithdrawn {
		w.sink.close()
	}
}

// writer finds a user's.
func (rec *Recording) writer(u identity.UserID) *writer {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	p, ok := rec.meta.person(u)
	if !ok {
		return nil
	}
	for _, w := range rec.writers {
		if w.id == p.ID {
			return w
		}
	}
	return nil
}

// agree keeps a consent, or its withdrawal, among the participants' details.
func (rec *Recording) agree(e Event) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for i := range rec.meta.People {
		p := &rec.meta.People[i]
		switch {
		case p.User != e.User:
		case e.Kind == EventConsent:
			p.Consent = ConsentRecord{Version: e.Detail["version"], At: e.At.UTC()}
		case e.Kind == EventWithdrawn:
			p.Consent = ConsentRecord{}
		}
	}
}

// The entries that are written while a recording runs and when it is sealed.

func (l *ledger) event(e Event) error {
	return l.append(EntryEvent, e.At, func(seq uint64) (any, error) {
		sealed, err := l.fields.seal(string(EntryEvent), seq, e)
		return EventBody{Sealed: sealed}, err
	})
}

func (l *ledger) segments(at time.Time, b SegmentsBody, state map[ParticipantID]Summary) error {
	return l.append(EntrySegments, at, func(seq uint64) (_ any, err error) {
		b.Sealed, err = l.fields.seal(string(EntrySegments), seq, state)
		return b, err
	})
}

// gaps appends the participant's gaps from the done-th on, up to the first that is still open unless all are wanted,
// and says how many of them the manifest has then.
func (l *ledger) gaps(at time.Time, p ParticipantID, gaps []GapSpan, done int, all bool) (int, error) {
	for ; done < len(gaps) && (all || !gaps[done].Open); done++ {
		g := gaps[done]
		b := GapBody{Participant: p, FromMS: g.From.Milliseconds(), ToMS: g.To.Milliseconds(),
			Reason: string(g.Reason), Packets: g.Packets}
		if err := l.append(EntryGap, at, func(uint64) (any, error) { return b, nil }); err != nil {
			return done, err
		}
	}
	return done, nil
}
