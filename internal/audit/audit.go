package audit

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/chain"
	"parley/internal/identity"
)

// Limits of an entry, in bytes.
const (
	MaxAction = 64
	MaxObject = 256
	MaxDetail = 4 << 10 // keys and values together
)

// Entry is one entry as it reads when it is opened. Actor is empty when the server itself acted.
type Entry struct {
	Seq    uint64
	Time   time.Time
	Actor  identity.UserID
	Role   identity.Role
	Action string // "recording.play"
	Object string // what it was done to, by id
	Detail map[string]string
	Prev   chain.Hash
	Hash   chain.Hash
}

// Config is what a [Log] needs beside its store.
type Config struct {
	// Key returns the data key that seals entries: the vault's "field/audit". It is asked for each entry, so that
	// a destroyed key stops being used. Required.
	Key func(context.Context) ([32]byte, error)
	// Signer signs heads. Required for [Log.Head] only.
	Signer chain.Signer
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Metrics registers parley_audit_entries_total and parley_audit_failures_total; nil keeps them private.
	Metrics prometheus.Registerer
}

// Log records and verifies. Any goroutine may call it.
type Log struct {
	store   Store
	cfg     Config
	entries prometheus.Counter
	failed  prometheus.Counter
}

// New makes a log over the store.
func New(store Store, cfg Config) *Log {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Metrics == nil {
		cfg.Metrics = prometheus.NewRegistry()
	}
	l := &Log{store: store, cfg: cfg,
		entries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_audit_entries_total", Help: "Audit entries that became durable."}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_audit_failures_total", Help: "Audit entries that could not be made durable; what they announced did not happen."}),
	}
	cfg.Metrics.MustRegister(l.entries, l.failed)
	return l
}

// Record stores that the principal is about to do the action to the object, with details as alternating keys and
// values. It returns when the entry is durable; only then may the effect happen (A3). On an error the effect must not
// happen; the entry may stand nevertheless, and recording again is safe.
//
// The zero principal stands for the server itself.
func (l *Log) Record(ctx context.Context, p identity.Principal, action, object string, detail ...string) error {
	err := l.record(ctx, p, action, object, detail)
	if err != nil {
		l.failed.Inc()
		return fmt.Errorf("record %s: %w", action, err)
	}
	l.entries.Inc()
	return nil
}

func (l *Log) record(ctx context.Context, p identity.Principal, action, object string, detail []string) error {
	if !within(action, 1, MaxAction) || !within(object, 0, MaxObject) {
		return errors.New("audit: action or object is empty, too long or not UTF-8")
	}
	details, err := pairs(detail)
	if err != nil {
		return err
	}
	key, err := l.cfg.Key(ctx)
	if err != nil {
		return fmt.Errorf("audit key: %w", err)
	}
	aead, err := newAEAD(key)
	if err != nil {
		return fmt.Errorf("audit key: %w", err)
	}
	hidden := sealed{Actor: p.User, Object: object, Detail: details}
	return l.store.Append(ctx, func(last Record) (Record, error) {
		r := Record{Seq: last.Seq + 1, Time: l.after(last), Role: p.Role, Action: action, Prev: last.Hash}
		var err error
		if r.Sealed, err = hidden.seal(aead, r); err != nil {
			return Record{}, err
		}
		r.Hash = r.sum()
		return r, nil
	})
}

// after is now, but never before the record it follows: a clock that was set back does not turn the log round.
func (l *Log) after(last Record) time.Time {
	now := l.cfg.Now().UTC().Truncate(time.Microsecond)
	if now.Before(last.Time) {
		return last.Time
	}
	return now
}

func within(s string, low, high int) bool {
	return len(s) >= low && len(s) <= high && utf8.ValidString(s)
}

func pairs(detail []string) (map[string]string, error) {
	if len(detail)%2 != 0 {
		return nil, errors.New("audit: detail has a key without a value")
	}
	if len(detail) == 0 {
		return nil, nil
	}
	m := make(map[string]string, len(detail)/2)
	size := 0
	for i := 0; i < len(detail); i += 2 {
		m[detail[i]] = detail[i+1]
		size += len(detail[i]) + len(detail[i+1])
	}
	if size > MaxDetail {
		return nil, fmt.Errorf("audit: detail has %d bytes, more than %d", size, MaxDetail)
	}
	return m, nil
}

// Read returns up to limit entries after a sequence number, opened, ascending. It verifies each seal, not the chain.
func (l *Log) Read(ctx context.Context, after uint64, limit int) ([]Entry, error) {
	records, err := l.store.Read(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	key, err := l.cfg.Key(ctx)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	aead, err := newAEAD(key)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	entries := make([]Entry, 0, len(records))
	for _, r := range records {
		s, err := unseal(aead, r)
		if err != nil {
			return nil, fmt.Errorf("read audit log: %w", err)
		}
		entries = append(entries, Entry{Seq: r.Seq, Time: r.Time, Actor: s.Actor, Role: r.Role, Action: r.Action,
			Object: s.Object, Detail: s.Detail, Prev: r.Prev, Hash: r.Hash})
	}
	return entries, nil
}
