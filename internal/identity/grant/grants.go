package grant

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"parley/internal/identity"
)

// Config is what grants stand on. Store, Key and Revocations are required.
type Config struct {
	Store Store
	// Key gives the vault's key for grants, each time it is needed: a destroyed one stops being used.
	Key         func(context.Context) ([32]byte, error)
	Revocations identity.Revocations
	Now         func() time.Time // nil: time.Now; must be monotonic
}

// Grants are the permissions that stand in addresses. Any goroutine may call them.
type Grants struct {
	cfg  Config
	held memory
}

// New builds grants.
func New(cfg Config) *Grants {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Grants{cfg: cfg, held: memory{now: cfg.Now, by: map[Hash]held{}}}
}

// Give makes a grant for each seat, all of one principal, and returns their words in the same order. Beyond [PerUser] seats
// there are none.
func (g *Grants) Give(ctx context.Context, p identity.Principal, seats ...Seat) ([]string, error) {
	if seats = seats[:min(len(seats), PerUser)]; len(seats) == 0 {
		return nil, nil
	}
	s, err := g.sealer(ctx)
	if err != nil {
		return nil, err
	}
	words, rows := make([]string, len(seats)), make([]Row, len(seats))
	for i, seat := range seats {
		seat.By = p
		words[i] = rand.Text()
		rows[i] = Row{Word: hash(words[i]), Owner: s.owner(p.User), Until: seat.ends()}
		if rows[i].Sealed, err = s.seal(rows[i].Word, seat); err != nil {
			return nil, err
		}
	}
	if err := g.cfg.Store.Give(ctx, rows); err != nil {
		return nil, fmt.Errorf("give grants: %w", err)
	}
	return words, nil
}

// Use returns what the word stands for and keeps it alive; [ErrEnded] if it stands for nothing. Any other error says that
// nobody could tell.
func (g *Grants) Use(ctx context.Context, word string) (Seat, error) {
	if len(word) != wordLength {
		return Seat{}, ErrEnded
	}
	h := hash(word)
	return g.known(ctx, h, func(ctx context.Context) (Seat, time.Duration, error) { return g.load(ctx, h) })
}

// Lease is a Use of the word each time it is called: nil as long as it is good.
func (g *Grants) Lease(ctx context.Context, word string) func() error {
	return func() error {
		_, err := g.Use(ctx, word)
		return err
	}
}

// Session is a lease without a word, for what is sent to a principal within one request: it is good as long as the
// principal's session is.
func (g *Grants) Session(ctx context.Context, p identity.Principal) func() error {
	h := hash(rand.Text())
	return func() error {
		_, err := g.known(ctx, h, func(context.Context) (Seat, time.Duration, error) {
			return Seat{By: p}, p.Until().Sub(g.cfg.Now()), nil
		})
		return err
	}
}

// Drop has this node forget what it remembers of those whose tokens were revoked, so that their next use is asked for anew
// (T7). The revocation must be durable before.
func (g *Grants) Drop(r identity.Revocation) { g.held.drop(r) }

// askTime bounds how long an answer is waited for.
const askTime = 5 * time.Second

// known is what is remembered of a word, or what ask says and revocations don't deny.
func (g *Grants) known(ctx context.Context, word Hash, ask func(context.Context) (Seat, time.Duration, error)) (Seat, error) {
	if seat, ok := g.held.get(word); ok {
		return seat, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	began, drops := g.cfg.Now(), g.held.count()
	seat, left, err := ask(ctx)
	if err != nil {
		return Seat{}, err
	}
	left = min(left, seat.ends().Sub(began))
	if left <= 0 {
		return Seat{}, ErrEnded
	}
	revoked, err := g.cfg.Revocations.Revoked(ctx, seat.By.User, seat.By.TokenID, seat.By.Issued)
	if err != nil {
		return Seat{}, fmt.Errorf("ask whether a grant was revoked: %w", err)
	}
	if revoked {
		return Seat{}, ErrEnded
	}
	g.held.put(word, held{seat: seat, until: began.Add(min(left, Fresh))}, drops)
	return seat, nil
}

func (g *Grants) load(ctx context.Context, word Hash) (Seat, time.Duration, error) {
	used, err := g.cfg.Store.Use(ctx, word)
	if errors.Is(err, ErrEnded) {
		return Seat{}, 0, ErrEnded
	}
	if err != nil {
		return Seat{}, 0, fmt.Errorf("use grant: %w", err)
	}
	s, err := g.sealer(ctx)
	if err != nil {
		return Seat{}, 0, err
	}
	seat, err := s.open(word, used.Sealed)
	return seat, used.Left, err
}

func (g *Grants) sealer(ctx context.Context) (*sealer, error) {
	key, err := g.cfg.Key(ctx)
	if err != nil {
		return nil, fmt.Errorf("open grant key: %w", err)
	}
	return newSealer(key)
}
