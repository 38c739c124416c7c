package privacy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"parley/internal/policy"
	"parley/storage/keys"
)

// maxContext bounds a context in bytes; an id is far shorter.
const maxContext = 200

// Config is what a Ledger needs.
type Config struct {
	Store Store
	Vault keys.Vault
	Texts *policy.Texts
	Now   func() time.Time // time.Now when nil
}

// Ledger is the append-only record of consents. Any goroutine may call it.
type Ledger struct {
	store Store
	vault keys.Vault
	texts *policy.Texts
	now   func() time.Time

	opening sync.Mutex
	sealer  *sealer // nil until first used

	watching sync.Mutex
	watchers map[int]func(Withdrawal)
	next     int
}

// Grant is a consent that holds.
type Grant struct {
	Version string // of the text that was agreed to
	Scope   Scope
	At      time.Time
}

// Decision is one entry of the ledger in words for the person it is about (R1).
type Decision struct {
	Purpose policy.Purpose `json:"purpose"`
	Context string         `json:"context,omitempty"`
	Kind    Kind           `json:"kind"`
	Version string         `json:"version,omitempty"`
	Scope   Scope          `json:"scope,omitempty"`
	Time    time.Time      `json:"time"`
}

// Withdrawal says that a consent no longer holds.
type Withdrawal struct {
	Matter
	At time.Time
}

// New makes a Ledger; the vault is first asked for its key when an entry is written or looked up.
func New(c Config) *Ledger {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Ledger{store: c.Store, vault: c.Vault, texts: c.Texts, now: c.Now, watchers: map[int]func(Withdrawal){}}
}

// Agree records that the subject agreed to the version, which must be the current one: [policy.ErrTextVersion] if there
// is a newer one, so that nobody agrees to what they were not shown (R6). Repeating the same consent adds nothing.
// Durable on return.
func (l *Ledger) Agree(ctx context.Context, m Matter, version string, s Scope) error {
	if s == "" {
		return fmt.Errorf("agree: scope: %w", policy.ErrBadRequest)
	}
	if err := l.shown(m.Purpose, version); err != nil {
		return err
	}
	last, found, err := l.last(ctx, m)
	if err != nil {
		return fmt.Errorf("agree: %w", err)
	}
	if found && last.Kind == Agreed && last.Version == version {
		if g, err := l.Granted(ctx, m); err == nil && g.Scope == s {
			return nil
		}
	}
	_, err = l.append(ctx, m, Agreed, version, s)
	return err
}

// Decline records that the subject read the version and said no. A consent given before ends with it, and watchers are
// told. Durable on return.
func (l *Ledger) Decline(ctx context.Context, m Matter, version string) error {
	if err := l.shown(m.Purpose, version); err != nil {
		return err
	}
	return l.end(ctx, m, Declined, version)
}

// Withdraw records that the subject takes the consent back, and tells the watchers before it returns (R3). What was
// done before stays lawful. Withdrawing without a context withdraws all of the purpose that was agreed to so far.
// Durable on return; after an error it must be tried again.
func (l *Ledger) Withdraw(ctx context.Context, m Matter) error {
	return l.end(ctx, m, Withdrawn, "")
}

// end appends an entry that grants nothing. Repeating it adds nothing where only one matter can be meant, but watchers
// are told again, so that a retry reaches a session the first try did not.
func (l *Ledger) end(ctx context.Context, m Matter, k Kind, version string) error {
	last, found, err := l.last(ctx, m)
	if err != nil {
		return fmt.Errorf("%s: %w", k, err)
	}
	at := last.Time
	if !found || last.Kind != k || m.Context == "" {
		if at, err = l.append(ctx, m, k, version, ""); err != nil {
			return err
		}
	}
	if k == Withdrawn || found && last.Kind == Agreed {
		l.tell(Withdrawal{Matter: m, At: at})
	}
	return nil
}

// Granted says which consent holds for exactly this matter: [policy.ErrConsentNeeded] when there is none, when it was
// declined or withdrawn (here, for the purpose as a whole, or with the privacy policy), or when the text changed
// materially since (R6).
func (l *Ledger) Granted(ctx context.Context, m Matter) (Grant, error) {
	last, found, err := l.last(ctx, m)
	if err != nil {
		return Grant{}, fmt.Errorf("look up consent: %w", err)
	}
	if !found || last.Kind != Agreed || !l.texts.Covers(last.Version, m.Purpose) {
		return Grant{}, policy.ErrConsentNeeded
	}
	if err := l.widerNo(ctx, m, last); err != nil {
		return Grant{}, err
	}
	d, err := l.open(ctx, last)
	if err != nil {
		return Grant{}, err
	}
	return Grant{Version: last.Version, Scope: d.Scope, At: last.Time}, nil
}

// TakenBack says whether the last word on the matter is a no: given here, or for something wider that includes it. It is
// false where nothing was ever said, and where only the text has changed since the yes.
func (l *Ledger) TakenBack(ctx context.Context, m Matter) (bool, error) {
	last, found, err := l.last(ctx, m)
	if err != nil {
		return false, fmt.Errorf("look up consent: %w", err)
	}
	if !found || last.Kind != Agreed {
		return found, nil
	}
	err = l.widerNo(ctx, m, last)
	if errors.Is(err, policy.ErrConsentNeeded) {
		return true, nil
	}
	return false, err
}

// widerNo is policy.ErrConsentNeeded when the consent ended with a wider one.
func (l *Ledger) widerNo(ctx context.Context, m Matter, consent Entry) error {
	for _, wider := range []Matter{{m.Subject, m.Purpose, ""}, {m.Subject, policy.PrivacyPolicy, ""}} {
		if err := l.undone(ctx, consent, wider); err != nil {
			return err
		}
	}
	return nil
}

// undone says whether a wider no came after the consent. A no to the privacy policy counts until it is agreed to again,
// whichever came first.
func (l *Ledger) undone(ctx context.Context, consent Entry, wider Matter) error {
	last, found, err := l.last(ctx, wider)
	if err != nil {
		return fmt.Errorf("look up wider consent: %w", err)
	}
	no := found && last.Kind != Agreed
	if no && (last.Seq > consent.Seq || wider.Purpose == policy.PrivacyPolicy) {
		return policy.ErrConsentNeeded
	}
	return nil
}

// History is everything that the subject ever decided, oldest first, for their copy (R1).
func (l *Ledger) History(ctx context.Context, s policy.Subject) ([]Decision, error) {
	seal, err := l.keys(ctx)
	if err != nil {
		return nil, err
	}
	const page = 200
	var all []Decision
	for after := uint64(0); ; {
		entries, err := l.store.History(ctx, seal.hash(s), after, page)
		if err != nil {
			return nil, fmt.Errorf("read consents: %w", err)
		}
		for _, e := range entries {
			d, err := seal.open(e)
			if err != nil {
				return nil, err
			}
			all = append(all, Decision{e.Purpose, e.Context, e.Kind, e.Version, d.Scope, e.Time})
			after = e.Seq
		}
		if len(entries) < page {
			return all, nil
		}
	}
}

// Watch calls f for each withdrawal from now on, from the goroutine that withdraws: f must not block, nor call the
// Ledger. The returned function ends it.
func (l *Ledger) Watch(f func(Withdrawal)) (stop func()) {
	l.watching.Lock()
	defer l.watching.Unlock()
	n := l.next
	l.next++
	l.watchers[n] = f
	return func() {
		l.watching.Lock()
		defer l.watching.Unlock()
		delete(l.watchers, n)
	}
}

func (l *Ledger) tell(w Withdrawal) {
	l.watching.Lock()
	defer l.watching.Unlock()
	for _, f := range l.watchers {
		f(w)
	}
}

// shown refuses a version that is not the one shown now.
func (l *Ledger) shown(p policy.Purpose, version string) error {
	if text, ok := l.texts.Current(p); !ok || text.Version != version {
		return policy.ErrTextVersion
	}
	return nil
}

func (l *Ledger) last(ctx context.Context, m Matter) (Entry, bool, error) {
	if m.Subject == "" || m.Purpose == "" || len(m.Context) > maxContext {
		return Entry{}, false, fmt.Errorf("matter: %w", policy.ErrBadRequest)
	}
	seal, err := l.keys(ctx)
	if err != nil {
		return Entry{}, false, err
	}
	return l.store.Last(ctx, seal.hash(m.Subject), m.Purpose, m.Context)
}

func (l *Ledger) append(ctx context.Context, m Matter, k Kind, version string, s Scope) (time.Time, error) {
	seal, err := l.keys(ctx)
	if err != nil {
		return time.Time{}, err
	}
	e := Entry{Subject: seal.hash(m.Subject), Purpose: m.Purpose, Context: m.Context, Kind: k, Version: version,
		Time: l.now().UTC().Truncate(time.Microsecond)}
	if e.Sealed, err = seal.seal(e, details{Subject: m.Subject, Scope: s}); err != nil {
		return time.Time{}, err
	}
	if _, err := l.store.Append(ctx, e); err != nil {
		return time.Time{}, fmt.Errorf("record consent: %w", err)
	}
	return e.Time, nil
}

func (l *Ledger) open(ctx context.Context, e Entry) (details, error) {
	seal, err := l.keys(ctx)
	if err != nil {
		return details{}, err
	}
	return seal.open(e)
}

// keys opens the keys on first use; a failure is tried again the next time.
func (l *Ledger) keys(ctx context.Context) (*sealer, error) {
	l.opening.Lock()
	defer l.opening.Unlock()
	if l.sealer != nil {
		return l.sealer, nil
	}
	s, err := openSealer(ctx, l.vault)
	if errors.Is(err, keys.ErrDestroyed) {
		return nil, fmt.Errorf("consent ledger is unreadable: %w", err)
	}
	if err != nil {
		return nil, err
	}
	l.sealer = s
	return s, nil
}
