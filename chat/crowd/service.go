package crowd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/identity"
	"parley/internal/limit"
	"parley/internal/policy"
	"parley/signal/wire"
)

// Config is what a [Service] stands on. Store and Sealer are required; zero fields of the rest mean the defaults.
type Config struct {
	Store  Store
	Sealer Sealer
	Gate   Gate   // nil: everything passes
	Bus    Bus    // nil: there are no other nodes
	Node   string // this node's name on the bus
	// Rate is how many entries a second one person may say, and Burst at once; default 2 and 5. Slow mode comes on top.
	Rate  float64
	Burst int

	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

func (c Config) withDefaults() Config {
	if c.Rate <= 0 {
		c.Rate = 2
	}
	if c.Burst <= 0 {
		c.Burst = 5
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Service is the crowds of one node. Any goroutine may call it. Rooms come to life while [Service.Run] runs.
type Service struct {
	cfg     Config
	metrics *metrics
	people  *limit.Limiter[identity.UserID]

	mu     sync.Mutex
	ctx    context.Context // of the rooms; nil while Run does not run
	rooms  map[RoomID]*room
	owners sync.WaitGroup
}

// New puts a service together; it does nothing before Run.
func New(c Config) *Service {
	c = c.withDefaults()
	return &Service{
		cfg: c, metrics: newMetrics(c.Metrics), rooms: map[RoomID]*room{},
		people: limit.New[identity.UserID](limit.Config{Name: "crowd", Rate: limitRate(c.Rate), Burst: c.Burst, Metrics: c.Metrics}),
	}
}

// Run lets rooms live until ctx ends; then what was taken in is still stored and answered. It can run once.
func (s *Service) Run(ctx context.Context) error {
	s.mu.Lock()
	if s.ctx != nil {
		s.mu.Unlock()
		return errors.New("crowd: the service runs or ran already")
	}
	s.ctx = ctx
	s.mu.Unlock()
	<-ctx.Done()
	s.owners.Wait()
	return nil
}

// Open opens a room for the platform; with a key that is in use it returns that room.
func (s *Service) Open(ctx context.Context, p identity.Principal, key, title string, slow time.Duration) (Room, error) {
	if err := identity.Allow(p, identity.CrowdManage); err != nil {
		return Room{}, err
	}
	if key == "" || len(key) > MaxKey || len(title) > MaxTitle {
		return Room{}, policy.ErrBadRequest.With("The key or title is missing or too long.", "key 或标题缺失或过长。")
	}
	if err := checkSlow(slow); err != nil {
		return Room{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Room{}, fmt.Errorf("mint id: %w", err)
	}
	r, err := s.cfg.Store.Open(ctx, Room{ID: RoomID(id.String()), Key: key, Title: title, Slow: slow, Opened: s.now()})
	if err != nil {
		return Room{}, fmt.Errorf("open room: %w", err)
	}
	return r, nil
}

func checkSlow(d time.Duration) error {
	if d < 0 || d > MaxSlow*time.Second {
		return policy.ErrBadRequest.With("Slow mode is 0 to 120 seconds.", "慢速模式应为 0 到 120 秒。")
	}
	return nil
}

// Change sets a room's slow mode, or closes it for good, on every node.
func (s *Service) Change(ctx context.Context, p identity.Principal, id RoomID, slow *time.Duration, shut bool) (Room, error) {
	if err := identity.Allow(p, identity.CrowdManage); err != nil {
		return Room{}, err
	}
	if slow != nil {
		if err := checkSlow(*slow); err != nil {
			return Room{}, err
		}
	}
	var closed *time.Time
	if shut {
		now := s.now()
		closed = &now
	}
	r, err := s.cfg.Store.Change(ctx, id, slow, closed)
	if err != nil {
		return Room{}, known("change room", err)
	}
	s.told(r)
	s.tell(message{Room: id, Rules: true})
	return r, nil
}

// known turns the store's ErrUnknown into policy.ErrNotFound and says of any other error what was being done.
func known(what string, err error) error {
	if errors.Is(err, ErrUnknown) {
		return policy.ErrNotFound
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (s *Service) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

// Join puts the subscriber into the room and returns how it stands. Leave, once, takes it out again.
func (s *Service) Join(ctx context.Context, p identity.Principal, id RoomID, sub Subscriber) (wire.CrowdState, error) {
	if err := identity.Allow(p, identity.CrowdJoin); err != nil {
		return wire.CrowdState{}, err
	}
	r, err := s.room(ctx, id)
	if err != nil {
		return wire.CrowdState{}, err
	}
	return r.join(ctx, sub)
}

// Leave takes a subscriber out of a room; one that is not in it changes nothing.
func (s *Service) Leave(id RoomID, sub Subscriber) {
	s.mu.Lock()
	r := s.rooms[id]
	s.mu.Unlock()
	if r != nil {
		r.leave(sub)
	}
}

// room returns the living room, which it wakes if need be.
func (s *Service) room(ctx context.Context, id RoomID) (*room, error) {
	s.mu.Lock()
	r := s.rooms[id]
	s.mu.Unlock()
	if r != nil {
		return r, nil
	}
	row, err := s.cfg.Store.Load(ctx, id)
	if err != nil {
		return nil, known("load room", err)
	}
	ring, err := s.recent(ctx, row)
	if err != nil {
		return nil, err
	}
	return s.wake(row, ring)
}

func (s *Service) wake(row Room, ring []wire.CrowdEntry) (*room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil || s.ctx.Err() != nil {
		return nil, policy.ErrUnavailable
	}
	if r := s.rooms[row.ID]; r != nil {
		return r, nil
	}
	r := newRoom(s, row, ring)
	s.rooms[row.ID] = r
	s.owners.Go(func() { r.run(s.ctx) })
	return r, nil
}

// sleep forgets a room that has ended.
func (s *Service) sleep(r *room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms[r.id] == r {
		delete(s.rooms, r.id)
	}
}

// told gives a living room its rules.
func (s *Service) told(row Room) {
	s.mu.Lock()
	r := s.rooms[row.ID]
	s.mu.Unlock()
	if r != nil {
		r.do(func() { r.rules(row) })
	}
}
