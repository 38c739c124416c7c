package people

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
	"parley/storage/keys"
)

// document is what is sealed of a person: of the settings only what the person set.
type document struct {
	Set    wire.SettingsSet `json:"set"`
	Blocks []wire.Blocked   `json:"blocks,omitempty"` // the oldest first
}

// profile is a person as read. It is not changed. Its maps may be nil.
type profile struct {
	owner    Hash
	version  uint64
	closed   bool
	document document
	settings wire.Settings
	users    map[identity.UserID]bool    // blocked
	firms    map[identity.CompanyID]bool // blocked
	hides    map[identity.CompanyID]bool
}

func newProfile(owner Hash, r Row, d document) *profile {
	p := &profile{owner: owner, version: r.Version, closed: !r.Closed.IsZero(), document: d, settings: applied(d.Set)}
	for _, b := range d.Blocks {
		if b.Company != "" {
			add(&p.firms, identity.CompanyID(b.Company))
		} else {
			add(&p.users, identity.UserID(b.User))
		}
	}
	for _, c := range p.settings.Hide.Companies {
		add(&p.hides, identity.CompanyID(c))
	}
	return p
}

func add[K comparable](m *map[K]bool, k K) {
	if *m == nil {
		*m = map[K]bool{}
	}
	(*m)[k] = true
}

// blank is everybody who has set nothing, so that remembering them takes no memory.
var blank = newProfile(Hash{}, Row{}, document{})

// lasting is the profile as it is remembered.
func (p *profile) lasting() *profile {
	if p.version == 0 && !p.closed {
		return blank
	}
	return p
}

// refuses says whether the person takes nothing from somebody of the other side: the account is closed, or blocks them, or, as
// a candidate, hides from them (T4). Every question is asked, whatever the answers before.
func (p *profile) refuses(by chat.Party) bool {
	no := p.closed
	no = p.users[by.User] || no
	firm, hidden := names(p.firms, by.Company), p.hidesFrom(by)
	return by.Role != identity.Candidate && (firm || hidden) || no
}

func (p *profile) hidesFrom(by chat.Party) bool {
	no := p.settings.Hide.Everybody
	no = p.settings.Hide.Headhunters && by.Role == identity.Headhunter || no
	return names(p.hides, by.Company) || no
}

// names says whether the company is among them. One that nobody named might be any.
func names(companies map[identity.CompanyID]bool, c identity.CompanyID) bool {
	return companies[c] || c == "" && len(companies) > 0
}

// profiles returns people in the order of users, as they were at most [Fresh] ago.
func (s *Service) profiles(ctx context.Context, users ...identity.UserID) ([]*profile, error) {
	found, asked := s.cache.get(users)
	var missing []identity.UserID
	for i, p := range found {
		if p == nil && !slices.Contains(missing, users[i]) {
			missing = append(missing, users[i])
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	loaded, err := s.load(ctx, missing)
	if err != nil {
		return nil, err
	}
	for i, u := range users {
		if found[i] == nil {
			found[i] = loaded[slices.Index(missing, u)]
		}
	}
	for i, u := range missing {
		s.cache.put(u, loaded[i].lasting(), asked)
	}
	return found, nil
}

// load reads people anew.
func (s *Service) load(ctx context.Context, users []identity.UserID) ([]*profile, error) {
	h, err := s.hasher(ctx)
	if err != nil {
		return nil, err
	}
	owners := make([]Hash, len(users))
	for i, u := range users {
		owners[i] = h.owner(u)
	}
	s.metrics.loads.Add(float64(len(users)))
	rows, err := s.store.Load(ctx, owners)
	if err != nil {
		return nil, fmt.Errorf("load people: %w", err)
	}
	out := make([]*profile, len(users))
	for i, u := range users {
		if out[i], err = s.read(ctx, u, owners[i], rows[owners[i]]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// read makes a profile of a row. One whose key was destroyed is closed: the person
// was erased.
func (s *Service) read(ctx context.Context, u identity.UserID, owner Hash, r Row) (*profile, error) {
	if len(r.Sealed) == 0 {
		return newProfile(owner, r, document{}), s.asLong(ctx, u, r)
	}
	d, err := s.unseal(ctx, u, r)
	if errors.Is(err, keys.ErrDestroyed) {
		p := newProfile(owner, r, document{})
		p.closed = true
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	return newProfile(owner, r, d), nil
}

// asLong asks the vault about a closed account as about an open one, so that reading the one takes about as long.
func (s *Service) asLong(ctx context.Context, u identity.UserID, r Row) error {
	if r.Closed.IsZero() {
		return nil
	}
	_, err := s.vault.Open(ctx, Key(u))
	if errors.Is(err, keys.ErrDestroyed) || errors.Is(err, keys.ErrNotFound) {
		return nil
	}
	return err
}

// own reads a person anew, who is told if the account is closed.
func (s *Service) own(ctx context.Context, u identity.UserID) (*profile, error) {
	found, err := s.load(ctx, []identity.UserID{u})
	if err != nil {
		return nil, err
	}
	if found[0].closed {
		return nil, errClosed
	}
	return found[0], nil
}

// errClosed is for the one whose account it is, and for the platform.
var errClosed = policy.ErrGone.With("This account was closed and can't be used again.", "该账号已注销，无法再使用。")

// maxTries bounds how often a change is tried that others overtake.
const maxTries = 8

// change applies f to the person's document. f may run again, on what another wrote in between. An error leaves the outcome
// unknown; what f does must be the same done twice.
func (s *Service) change(ctx context.Context, u identity.UserID, f func(*document) error) (*profile, error) {
	defer s.cache.drop(u)
	for range maxTries {
		p, err := s.own(ctx, u)
		if err != nil {
			return nil, err
		}
		d := document{Set: p.document.Set, Blocks: slices.Clone(p.document.Blocks)}
		if err := f(&d); err != nil {
			return nil, err
		}
		changed, err := s.put(ctx, u, p, d)
		if !errors.Is(err, ErrStale) {
			return changed, err
		}
	}
	return nil, policy.ErrConflict
}

func (s *Service) put(ctx context.Context, u identity.UserID, p *profile, d document) (*profile, error) {
	next := Row{Version: p.version + 1}
	sealed, err := s.seal(ctx, u, next.Version, d)
	if errors.Is(err, keys.ErrDestroyed) {
		return nil, errClosed
	}
	if err != nil {
		return nil, err
	}
	if err := s.store.Put(ctx, p.owner, p.version, sealed); err != nil {
		return nil, fmt.Errorf("change document: %w", err)
	}
	return newProfile(p.owner, next, d), nil
}
