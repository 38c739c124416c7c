package crowd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

func limitRate(perSecond float64) rate.Limit { return rate.Limit(perSecond) }

// said is an entry on its way into the log. The room answers once.
type said struct {
	row    Row
	entry  wire.CrowdEntry // as it is shown, but for its seq
	answer chan outcome    // of capacity 1
}

type outcome struct {
	placed Placed
	err    error
}

var (
	errShut = policy.ErrGone.With("This room is closed.", "该直播间已关闭。")
	errFull = policy.ErrRateLimited.With("Too much is said here at once. Try again in a moment.", "发言人数过多，请稍后再试。").After(2 * time.Second)
)

// Say takes in what a person says to all and returns a function that waits until it is durable: it may be called again after its
// ctx has ended, and gives an answer that is there even then. A repeat with the same cid is not said twice.
func (s *Service) Say(ctx context.Context, p identity.Principal, f wire.CrowdSay) (wait func(context.Context) (wire.CrowdAck, error), err error) {
	if err := identity.Allow(p, identity.CrowdSay); err != nil {
		return nil, err
	}
	if u, err := uuid.Parse(f.CID); err != nil || u.Version() != 7 || u.String() != f.CID {
		return nil, policy.ErrBadRequest.With("The cid is not a UUIDv7 in lower case.", "cid 不是小写的 UUIDv7。")
	}
	content, err := checked(f.Type, f.Content)
	if err != nil {
		return nil, err
	}
	r, err := s.room(ctx, RoomID(f.Room))
	if err != nil {
		return nil, err
	}
	who, err := r.admit(ctx, p.User)
	if err != nil {
		return nil, err
	}
	if s.cfg.Gate != nil { // of likes too: whoever is banned does nothing here
		instead, err := s.cfg.Gate.AdmitCrowd(ctx, p, f.Type, content)
		if err != nil {
			return nil, err
		}
		if instead != nil {
			content = instead
		}
	}
	one := &said{answer: make(chan outcome, 1)}
	one.entry = wire.CrowdEntry{User: string(p.User), Name: who.name, Host: who.host, Time: s.now(), Type: f.Type, Content: content}
	if err := s.enqueue(ctx, r, one, f.CID); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (wire.CrowdAck, error) {
		placed, err := r.wait(ctx, one)
		return wire.CrowdAck{Room: f.Room, CID: f.CID, Seq: placed.Seq, Dup: placed.Dup}, err
	}, nil
}

// Post says something as the system, under a cid that is the same on every try.
func (s *Service) Post(ctx context.Context, p identity.Principal, id RoomID, cid string, c wire.SystemContent) (Placed, error) {
	if err := identity.Allow(p, identity.CrowdManage); err != nil {
		return Placed{}, err
	}
	content, err := json.Marshal(c)
	if err != nil || c.Code == "" || len(content) > 4*MaxText || cid == "" || len(cid) > 64 {
		return Placed{}, policy.ErrBadRequest
	}
	r, err := s.room(ctx, id)
	if err != nil {
		return Placed{}, err
	}
	one := &said{answer: make(chan outcome, 1)}
	one.entry = wire.CrowdEntry{Time: s.now(), Type: TypeSystem, Content: content}
	if err := s.enqueue(ctx, r, one, cid); err != nil {
		return Placed{}, err
	}
	return r.wait(ctx, one)
}

// enqueue seals what is said and hands it to the room (A4).
func (s *Service) enqueue(ctx context.Context, r *room, one *said, cid string) error {
	e := one.entry
	user := identity.UserID(e.User)
	sealed, err := s.cfg.Sealer.SealIn(ctx, r.id, user, label(cid, e.Type), e.Content)
	if err != nil {
		return fmt.Errorf("seal entry: %w", err)
	}
	one.row = Row{User: user, CID: cid, Time: e.Time, Type: e.Type, Sealed: sealed}
	select {
	case r.inbox <- one:
		return nil
	default:
		s.metrics.refused.Inc()
		return errFull
	}
}

func label(cid, kind string) string { return "crowd/" + cid + "/" + kind }

// checked is the content in its canonical form.
func checked(kind string, raw json.RawMessage) (json.RawMessage, error) {
	switch kind {
	case TypeLike:
		return json.RawMessage(`{}`), nil
	case TypeText:
		return checkedText(raw)
	}
	return nil, policy.ErrBadRequest.With("Entries of this type can't be said here.", "不能发送这种类型的内容。")
}

func checkedText(raw json.RawMessage) (json.RawMessage, error) {
	var c wire.TextContent
	if len(raw) > 8*MaxText || !utf8.Valid(raw) || json.Unmarshal(raw, &c) != nil || strings.TrimSpace(c.Text) == "" {
		return nil, policy.ErrBadRequest.With("The text is missing or not valid.", "内容为空或格式不正确。")
	}
	if len(c.Text) > MaxText {
		return nil, policy.ErrTooLarge.With("The text is too long.", "内容过长。")
	}
	b, err := json.Marshal(wire.TextContent{Text: c.Text})
	if err != nil {
		return nil, fmt.Errorf("encode text: %w", err)
	}
	return b, nil
}

// guest is what a room remembers of who has said something.
type guest struct {
	name string // as it is shown
	host bool
	mute time.Time
	last time.Time // of the last entry, for slow mode
	seen time.Time // in the store
}

// admit says whether the user may say something here at this moment.
func (r *room) admit(ctx context.Context, user identity.UserID) (guest, error) {
	g, err := r.guest(ctx, user)
	if err != nil {
		return guest{}, err
	}
	now := r.s.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !r.row.Open():
		return guest{}, errShut
	case now.Before(g.mute):
		return guest{}, policy.ErrMuted
	case g.host:
		return g, nil
	}
	if wait := r.row.Slow - now.Sub(r.guests[user].last); wait > 0 {
		return guest{}, policy.ErrRateLimited.With("Slow mode: wait before you say more.", "慢速模式：请稍候再发言。").After(wait)
	}
	if err := r.s.people.Take(user); err != nil {
		return guest{}, err
	}
	g.last = now
	r.guests[user] = g
	return g, nil
}

// guest looks a person up, in the store at most once in lookEvery.
func (r *room) guest(ctx context.Context, user identity.UserID) (guest, error) {
	now := r.s.now()
	r.mu.Lock()
	g, ok := r.guests[user]
	r.mu.Unlock()
	if ok && now.Sub(g.seen) < lookEvery {
		return g, nil
	}
	p, err := r.s.cfg.Store.Person(ctx, r.id, user)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return guest{}, fmt.Errorf("look up person: %w", err)
	}
	name, err := r.s.name(ctx, r.id, p)
	if err != nil {
		return guest{}, err
	}
	fresh := guest{name: name, host: p.Host, mute: p.MutedUntil, seen: now}
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh.last = r.guests[user].last
	if len(r.guests) >= maxGuests {
		r.forget(now)
	}
	r.guests[user] = fresh
	return fresh, nil
}

// maxGuests bounds what a room remembers of people.
const maxGuests = 20_000

// forget drops who has said nothing for as long as slow mode can last. The mutex is held.
func (r *room) forget(now time.Time) {
	for user, g := range r.guests {
		if now.Sub(g.last) > MaxSlow*time.Second {
			delete(r.guests, user)
		}
	}
}
