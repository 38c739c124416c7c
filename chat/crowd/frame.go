package crowd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"parley/internal/policy"
	"parley/signal/wire"
)

var errOther = errors.New("crowd: store answered for another batch")

// priority is in which order entries get room in a frame.
func priority(e wire.CrowdEntry) int {
	switch {
	case e.Host, e.User == "":
		return 0
	case e.Type == TypeText:
		return 1
	}
	return 2
}

// pick leaves the entries that a frame has room for, in the order of the log, and says how many it left out.
func pick(entries []wire.CrowdEntry) (shown []wire.CrowdEntry, dropped int) {
	if len(entries) <= MaxShown {
		return entries, 0
	}
	slices.SortStableFunc(entries, func(a, b wire.CrowdEntry) int { return cmp.Compare(priority(a), priority(b)) })
	shown, dropped = entries[:MaxShown], len(entries)-MaxShown
	slices.SortFunc(shown, func(a, b wire.CrowdEntry) int { return cmp.Compare(a.Seq, b.Seq) })
	return shown, dropped
}

// show sends one frame of what was stored since the last one to everybody here and to the other nodes.
func (r *room) show() {
	if len(r.shown) == 0 {
		return
	}
	entries, dropped := pick(r.shown)
	r.shown = nil
	r.s.metrics.dropped.Add(float64(dropped))
	frame := wire.CrowdFrame{Room: string(r.id), Entries: entries, Dropped: dropped}
	line, err := wire.Encode(wire.Frame{Body: frame})
	if err != nil {
		r.s.cfg.Log.ErrorContext(context.Background(), "a crowd's frame could not be encoded", slog.String("room", string(r.id)), slog.Any("err", err))
		return
	}
	r.deliver(entries, line)
	r.s.tell(message{Room: r.id, Frame: line})
}

// deliver gives a frame to everybody here and remembers its entries for those who come later.
func (r *room) deliver(entries []wire.CrowdEntry, line []byte) {
	for _, e := range entries {
		if e.Type != TypeLike {
			r.ring = append(r.ring, e)
		}
	}
	if over := len(r.ring) - MaxRing; over > 0 {
		r.ring = slices.Clone(r.ring[over:])
	}
	for sub := range r.subs {
		sub.Frame(line)
	}
	r.s.metrics.deliveries.Add(float64(len(entries) * len(r.subs)))
}

// message is what nodes tell each other: a frame, that rules or people changed, or how many people are there.
type message struct {
	Node   string          `json:"node"`
	Room   RoomID          `json:"room"`
	Frame  json.RawMessage `json:"frame,omitempty"`
	Rules  bool            `json:"rules,omitempty"`
	People int             `json:"people,omitempty"` // one more than there are
}

func (s *Service) tell(m message) {
	if s.cfg.Bus == nil {
		return
	}
	m.Node = s.cfg.Node
	b, err := json.Marshal(m)
	if err != nil {
		s.cfg.Log.ErrorContext(context.Background(), "a crowd's message could not be encoded", slog.String("room", string(m.Room)), slog.Any("err", err))
		return
	}
	s.cfg.Bus.Crowd(b)
}

// Receive takes what another node told over the bus. It does not block for long; what is for a room that nobody here is in is
// dropped.
func (s *Service) Receive(b []byte) error {
	var m message
	if err := json.Unmarshal(b, &m); err != nil {
		return errors.New("crowd: malformed message")
	}
	s.mu.Lock()
	r := s.rooms[m.Room]
	s.mu.Unlock()
	if r == nil || m.Node == s.cfg.Node {
		return nil
	}
	switch {
	case len(m.Frame) > 0:
		return r.receiveFrame(m.Frame)
	case m.Rules:
		s.stale(m.Room)
		r.try(func() { r.look(s.context()) })
	case m.People > 0:
		r.try(func() { r.others[m.Node] = others{m.People - 1, s.cfg.Now()} })
	}
	return nil
}

func (s *Service) context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ctx
}

func (r *room) receiveFrame(line []byte) error {
	f, err := wire.DecodeFrom(wire.Server, line)
	if err != nil {
		return fmt.Errorf("crowd: malformed frame: %w", err)
	}
	frame, ok := f.Body.(wire.CrowdFrame)
	if !ok || RoomID(frame.Room) != r.id {
		return errors.New("crowd: a frame of another kind or room")
	}
	r.try(func() { r.deliver(frame.Entries, slices.Clone(line)) })
	return nil
}

// recent reads the end of a room's log for its ring. Who the hosts were is looked up anew.
func (s *Service) recent(ctx context.Context, row Room) ([]wire.CrowdEntry, error) {
	after := uint64(0)
	if row.Head > MaxRing {
		after = row.Head - MaxRing
	}
	log, err := s.cfg.Store.Read(ctx, row.ID, after, MaxRing)
	if err != nil {
		return nil, known("read room", err)
	}
	ring := make([]wire.CrowdEntry, 0, len(log))
	for _, e := range log {
		if e.Type == TypeLike {
			continue
		}
		entry, err := s.unseal(ctx, row.ID, e)
		if errors.Is(err, policy.ErrGone) { // the sender's words were erased (R2)
			continue
		}
		if err != nil {
			return nil, err
		}
		ring = append(ring, entry)
	}
	return ring, nil
}

func (s *Service) unseal(ctx context.Context, id RoomID, e Entry) (wire.CrowdEntry, error) {
	plain, err := s.cfg.Sealer.OpenIn(ctx, id, e.User, label(e.CID, e.Type), e.Sealed)
	if err != nil {
		return wire.CrowdEntry{}, fmt.Errorf("open entry %d of %s: %w", e.Seq, id, err)
	}
	out := wire.CrowdEntry{Seq: e.Seq, User: string(e.User), Time: e.Time, Type: e.Type, Content: plain}
	if e.User == "" {
		return out, nil
	}
	p, err := s.cfg.Store.Person(ctx, id, e.User)
	if errors.Is(err, ErrUnknown) {
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("look up person: %w", err)
	}
	out.Host = p.Host
	out.Name, err = s.name(ctx, id, p)
	return out, err
}
