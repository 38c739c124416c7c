package sfu

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"parley/internal/policy"
	"parley/signal/media"
)

// RoomID names a room.
type RoomID string

// PeerID names a participant of a room; the same across rejoins.
type PeerID string

// RoomConfig says what a room allows.
type RoomConfig struct {
	// MaxPeers is how many peers may be in at once, 16 when zero.
	MaxPeers int
}

const (
	defaultMaxPeers = 16
	inboxSize       = 256
	maxTrackID      = 1 << 15
)

// Room is a set of peers that hear and see each other. One goroutine owns all of its state; its methods may be called
// from anywhere.
type Room struct {
	id      RoomID
	cfg     RoomConfig
	sfu     *SFU
	worker  *worker
	metrics *metrics
	log     *slog.Logger

	inbox  chan func()
	quit   chan struct{} // closed to ask the goroutine to end
	done   chan struct{} // closed when it takes nothing more
	ended  chan struct{} // closed when everything of the room is gone
	once   sync.Once
	outbox *outbox
	tasks  sync.WaitGroup // readers, reports, connections being closed

	// Owned by the room's goroutine.
	peers  map[PeerID]*Peer
	tracks map[PeerID]media.TrackID // the last number given, also to those who left
	linger time.Duration
}

func newRoom(s *SFU, w *worker, id RoomID, cfg RoomConfig) *Room {
	if cfg.MaxPeers == 0 {
		cfg.MaxPeers = defaultMaxPeers
	}
	log := s.cfg.Log.With(slog.String("room", string(id)))
	return &Room{
		id: id, cfg: cfg, sfu: s, worker: w, metrics: s.metrics,
		log:   log,
		inbox: make(chan func(), inboxSize), quit: make(chan struct{}), done: make(chan struct{}),
		ended: make(chan struct{}), outbox: newOutbox(log),
		peers: map[PeerID]*Peer{}, tracks: map[PeerID]media.TrackID{}, linger: linger,
	}
}

func (r *Room) run() {
	r.tasks.Go(r.outbox.run)
	for {
		select {
		case f := <-r.inbox:
			f()
		case <-r.quit:
			r.end()
			return
		}
	}
}

// end runs on the room's goroutine, as its last act.
func (r *Room) end() {
	for _, p := range r.peers {
		r.remove(p)
	}
	close(r.done) // only now, so that a Leave that finds the room closed finds the peer removed
	r.outbox.close()
	r.tasks.Wait()
	r.sfu.forget(r)
	close(r.ended)
}

// post hands f to the room's goroutine and does not wait for it; false when the room is closed.
func (r *Room) post(f func()) bool {
	select {
	case <-r.done:
		return false
	default:
	}
	select {
	case r.inbox <- f:
		return true
	case <-r.done:
		return false
	}
}

// do runs f on the room's goroutine and waits for it.
func (r *Room) do(f func() error) error {
	answer := make(chan error, 1)
	if !r.post(func() { answer <- f() }) {
		return closed("room")
	}
	select {
	case err := <-answer:
		return err
	case <-r.done:
	}
	select { // it may have been the last thing done
	case err := <-answer:
		return err
	default:
		return closed("room")
	}
}

func closed(what string) error { return fmt.Errorf("%s is closed: %w", what, policy.ErrGone) }

// after posts f in d, unless the room is closed by then.
func (r *Room) after(d time.Duration, f func()) { time.AfterFunc(d, func() { r.post(f) }) }

// Join lets a peer in. A peer of the same id is replaced: its connections are closed and its sink is not called any
// more once Join returns. Refused with policy.ErrConflict when the room is full, policy.ErrGone when it is closed.
func (r *Room) Join(cfg PeerConfig) (*Peer, error) {
	if cfg.ID == "" || cfg.Send == nil {
		return nil, fmt.Errorf("join room: %w", policy.ErrBadRequest)
	}
	p := newPeer(r, cfg)
	err := r.do(func() error { return r.admit(p) })
	if err != nil {
		return nil, fmt.Errorf("join room: %w", err)
	}
	return p, nil
}

func (r *Room) admit(p *Peer) error {
	former := r.peers[p.cfg.ID]
	if former == nil && len(r.peers) >= r.cfg.MaxPeers {
		return policy.ErrConflict.With("The room is full.", "房间已满。")
	}
	if former != nil {
		r.remove(former)
	}
	r.peers[p.cfg.ID] = p
	r.metrics.peers.Inc()
	for _, other := range r.peers {
		for _, t := range other.tracks {
			p.subscribe(t)
		}
	}
	return nil
}

// remove takes a peer out: its tracks end, its slots stop, its connections close in the background.
func (r *Room) remove(p *Peer) {
	if r.peers[p.cfg.ID] != p {
		return
	}
	delete(r.peers, p.cfg.ID)
	r.metrics.peers.Dec()
	p.close()
}

// Close ends the room: peers are removed, and when it returns no goroutine of the room is left and no sink of it is
// called any more. It may be called more than once, but not from within Send or Events, which it waits for.
func (r *Room) Close() {
	r.once.Do(func() { close(r.quit) })
	<-r.ended
}

// number gives the next track number of a peer id; it never gives one twice.
func (r *Room) number(id PeerID) (media.TrackID, bool) {
	if r.tracks[id] >= maxTrackID {
		return 0, false
	}
	r.tracks[id]++
	return r.tracks[id], true
}
