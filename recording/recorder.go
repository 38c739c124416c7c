package recording

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/media"
	"parley/storage/keys"
	"parley/storage/object"
)

// Config of a [Recorder]. Dir, Store, Bucket and Vault are required.
type Config struct {
	// Dir is the folder on a local disk where recordings are written until the bucket has them.
	Dir    string
	Store  Store
	Bucket object.Bucket
	Vault  keys.Vault
	// Mux makes playable files (mux.WebM); without it Derive refuses.
	Mux Muxer
	// Events puts an event into the outbox when a recording is sealed, for a webhook.
	Events bool
	// Node names this node among those that share the store; empty is "local".
	Node string
	// Build is the software that wrote a recording, for its manifest.
	Build string
	// Buffer bounds the bytes that wait for the disk, a participant; zero is 4 MiB.
	Buffer int
	// Patience is how long that buffer may stay full before its sink fails; zero is 2 s.
	Patience time.Duration
	// MinFree is how much room the disk must have for a recording to begin; zero is 256 MiB.
	MinFree int64
	// UploadEvery is how often what a running recording wrote is brought to the bucket; zero is 3 s. Negative: not
	// before it is sealed, so that what is lost with this disk is lost.
	UploadEvery time.Duration
	// MaxPart bounds the bytes of one part of a running recording; zero is 8 MiB, at least 64 KiB, at most 64 MiB.
	MaxPart int64
	// MaxObject bounds the objects of a sealed recording; zero is 64 MiB, and more is not allowed.
	MaxObject int64
	// PartsAtOnce bounds the parts under way; zero is 32.
	PartsAtOnce int
	// Alive says whether another node lives. Recordings of one that does not are adopted; nil: never.
	Alive func(ctx context.Context, node string) (bool, error)
	// AdoptAfter is how long a node must have been dead for that, since this one first saw it; zero is 60 s, so that a node
	// that is quickly back seals its own, with all that it wrote.
	AdoptAfter time.Duration
	Log        *slog.Logger
	Metrics    prometheus.Registerer
	Now        func() time.Time

	disk disk // the tests' one fails on demand
}

func (c *Config) defaults() {
	if c.Buffer == 0 {
		c.Buffer = 4 << 20
	}
	if c.Patience == 0 {
		c.Patience = 2 * time.Second
	}
	if c.MinFree == 0 {
		c.MinFree = 256 << 20
	}
	c.uploadDefaults()
	if c.Node == "" {
		c.Node = "local"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.disk == nil {
		c.disk = osDisk{}
	}
}

const (
	leastPart = 64 << 10
	mostPart  = 64 << 20
)

func (c *Config) uploadDefaults() {
	if c.UploadEvery == 0 {
		c.UploadEvery = 3 * time.Second
	}
	if c.MaxPart == 0 {
		c.MaxPart = 8 << 20
	}
	c.MaxPart = min(max(c.MaxPart, leastPart), mostPart)
	if c.MaxObject <= 0 || c.MaxObject > mostPart {
		c.MaxObject = mostPart
	}
	if c.PartsAtOnce <= 0 {
		c.PartsAtOnce = 32
	}
	if c.AdoptAfter == 0 {
		c.AdoptAfter = time.Minute
	}
}

// Recorder makes, keeps and shows recordings. Any goroutine may call it. Call Recover before the first Start, and Run
// for as long as it serves.
type Recorder struct {
	cfg     Config
	m       *metrics
	derived *derivedCache
	wake    chan struct{} // asks Run to look for work
	slots   chan struct{} // of parts under way

	mu        sync.Mutex
	live      map[ID]*Recording // from before the first byte until sealing is over
	busy      map[ID]bool       // being uploaded, adopted or tidied
	shipments map[ID]*shipment
	tidied    bool // what a kill left half made was removed
	closing   bool
}

// New allocates a recorder.
func New(c Config) *Recorder {
	c.defaults()
	return &Recorder{cfg: c, m: newMetrics(c.Metrics), derived: newDerivedCache(c.Now),
		wake: make(chan struct{}, 1), slots: make(chan struct{}, c.PartsAtOnce), live: map[ID]*Recording{},
		busy: map[ID]bool{}, shipments: map[ID]*shipment{}}
}

// Spec says what to record.
type Spec struct {
	Interview    string
	Participants []Participant // 1 to [MaxParticipants], each user once
	// Source gives where to ask for a user's key frames, or nil while there is none. It is called from the writer's
	// goroutine and must not block.
	Source func(identity.UserID) media.Source
}

// MaxParticipants bounds the participants of one recording.
const MaxParticipants = 32

// Participant is a person who may be recorded.
type Participant struct {
	User    identity.UserID
	Consent ConsentRecord
}

// ConsentRecord names the text that a participant agreed to, and when (R6). The zero value is no consent: such a
// participant gets no sink until [Recording.Note] brings one.
type ConsentRecord struct {
	Version string    `json:"version,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

func (s Spec) check() error {
	if s.Interview == "" || len(s.Participants) == 0 || len(s.Participants) > MaxParticipants {
		return policy.ErrBadRequest
	}
	seen := map[identity.UserID]bool{}
	for _, p := range s.Participants {
		if p.User == "" || seen[p.User] {
			return policy.ErrBadRequest
		}
		seen[p.User] = true
	}
	return nil
}

// Start begins a recording. On return its files, with their first records, and its row are durable: what a sink is
// given afterwards is never lost by more than the writer's delay. [ErrNoRoom] (and policy.ErrUnavailable) says that
// the disk has too little room, and nothing was begun.
//
// A crash within Start leaves a row, or a folder without media; Recover marks it failed.
func (r *Recorder) Start(ctx context.Context, s Spec) (*Recording, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("start recording: %w", err)
	}
	if err := r.checkRoom(len(s.Participants)); err != nil {
		return nil, fmt.Errorf("start recording: %w", err)
	}
	rec := newRecording(r, s)
	if !r.enter(rec) {
		return nil, fmt.Errorf("start recording: %w", policy.ErrUnavailable)
	}
	if err := rec.begin(ctx); err != nil {
		rec.abort(ctx)
		r.leave(rec)
		return nil, fmt.Errorf("start recording: %w", err)
	}
	rec.run()
	return rec, nil
}

// checkRoom refuses to begin what could not be ended.
func (r *Recorder) checkRoom(participants int) error {
	free, err := r.cfg.disk.Free(r.cfg.Dir)
	if err != nil {
		return err
	}
	if free < r.cfg.MinFree+int64(participants)*reserveAhead {
		return errNoRoom
	}
	return nil
}

func (r *Recorder) enter(rec *Recording) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return false
	}
	r.live[rec.id] = rec
	r.m.active.Inc()
	return true
}

func (r *Recorder) leave(rec *Recording) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.live, rec.id)
	r.m.active.Dec()
}

// running gives the recording while it is live.
func (r *Recorder) running(id ID) *Recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live[id]
}

// poke asks Run to look for work soon.
func (r *Recorder) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}
