package sfu

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"

	"github.com/pion/transport/v5"
	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/policy"
)

// Config says how an SFU listens. Zero fields mean what is documented.
type Config struct {
	// UDP is the address of the first worker's socket; the next workers' ports count up from it. Port 0 lets the
	// operating system choose each. The zero value listens on all IPv4 addresses at a port of the system's choice.
	UDP netip.AddrPort
	// Workers is the number of sockets, 1 when zero. A room lives on one of them.
	Workers int
	// Public are the addresses that clients are told to send to. Empty means every address of the machine's
	// interfaces, loopback included.
	Public []netip.Addr
	// MaxRooms is how many rooms may be open at once, 1,000 when zero.
	MaxRooms int
	// Offload says whether packets to one subscriber are sent together, as far as the system can.
	Offload Offload
	// Net is the network; nil is the system's.
	Net transport.Net
	// Log gets what operators should know; nil discards. Never an address, an SDP or a user.
	Log *slog.Logger
	// Metrics registers the parley_sfu_ metrics; nil keeps them private.
	Metrics prometheus.Registerer
}

// Offload says how packets leave.
type Offload uint8

// Ways to leave. Where the system can't segment, both are alike.
const (
	OffloadOn  Offload = iota // by segmentation offload: a frame's packets to one subscriber by one system call
	OffloadOff                // each packet by itself, for comparison
)

func (c Config) withDefaults() Config {
	if !c.UDP.IsValid() {
		c.UDP = netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	if c.Workers == 0 {
		c.Workers = 1
	}
	if c.MaxRooms == 0 {
		c.MaxRooms = 1000
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c
}

// SFU is a set of workers and the rooms on them. All methods may be called concurrently.
type SFU struct {
	cfg     Config
	metrics *metrics

	mu      sync.Mutex
	workers []*worker
	rooms   map[RoomID]*Room
	closed  bool
}

// New makes an SFU that does not listen yet.
func New(cfg Config) *SFU {
	cfg = cfg.withDefaults()
	return &SFU{cfg: cfg, metrics: newMetrics(cfg.Metrics), rooms: map[RoomID]*Room{}}
}

// Open binds the sockets. After an error nothing is bound.
func (s *SFU) Open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.workers != nil {
		return errors.New("open sfu: opened before")
	}
	for i := range s.cfg.Workers {
		w, err := openWorker(s.cfg, s.metrics, i)
		if err != nil {
			_ = s.closeWorkers() // the first error is the one to tell
			return fmt.Errorf("open worker %d: %w", i, err)
		}
		s.workers = append(s.workers, w)
	}
	return nil
}

// Close closes every room, then the sockets, and returns when all goroutines are gone.
func (s *SFU) Close() error {
	s.mu.Lock()
	s.closed = true
	rooms := make([]*Room, 0, len(s.rooms))
	for _, r := range s.rooms {
		rooms = append(rooms, r)
	}
	s.mu.Unlock()
	for _, r := range rooms {
		r.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closeWorkers()
}

func (s *SFU) closeWorkers() error {
	var errs []error
	for _, w := range s.workers {
		errs = append(errs, w.close())
	}
	s.workers = nil
	return errors.Join(errs...)
}

// Ports are the addresses that the workers' sockets are bound to.
func (s *SFU) Ports() []netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	ports := make([]netip.AddrPort, 0, len(s.workers))
	for _, w := range s.workers {
		ports = append(ports, w.conn.LocalAddrPort())
	}
	return ports
}

// NewRoom opens a room on the worker with the fewest. It refuses with policy.ErrConflict while a room of that id is
// open and with policy.ErrUnavailable when there are too many rooms or the SFU is not open.
func (s *SFU) NewRoom(id RoomID, cfg RoomConfig) (*Room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.workers) == 0 || len(s.rooms) >= s.cfg.MaxRooms {
		return nil, fmt.Errorf("open room: %w", policy.ErrUnavailable)
	}
	if s.rooms[id] != nil {
		return nil, fmt.Errorf("open room: %w", policy.ErrConflict)
	}
	w := s.idlest()
	w.rooms++
	r := newRoom(s, w, id, cfg)
	s.rooms[id] = r
	s.metrics.rooms.Inc()
	go r.run()
	return r, nil
}

func (s *SFU) idlest() *worker {
	best := s.workers[0]
	for _, w := range s.workers[1:] {
		if w.rooms < best.rooms {
			best = w
		}
	}
	return best
}

// forget is called by a room that closes.
func (s *SFU) forget(r *Room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms[r.id] == r {
		delete(s.rooms, r.id)
		r.worker.rooms--
		s.metrics.rooms.Dec()
	}
}
