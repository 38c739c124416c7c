package interview

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"parley/internal/identity"
	"parley/internal/privacy"
	"parley/signal/media"
	"parley/signal/wire"
)

// Seat is the connection by which a participant takes part.
type Seat struct {
	// ID names the connection; another one has another ID.
	ID string
	// Device is the client's stable device id; without it a seat can't be taken back by [Service.Resume].
	Device string
	// Send hands the client rtc.offer, rtc.answer and rtc.candidate frames. It must not block and may be called before
	// Join returns.
	Send func(wire.Body)
	// Lost says that the connection has lost its seat for another reason than its own Leave or the interview's end. It
	// must not block; nil is allowed.
	Lost func(reason string)
	// Over says, once, that the connection has no seat any more, for whatever reason: nothing comes by it after that. It
	// must not block; nil is allowed.
	Over func()
}

// Why a connection lost its seat.
const (
	LostReplaced = "replaced"      // the user joined by another connection: do not join again by yourself
	LostFailed   = "failed"        // the media connection broke for good, or the interview goes to another node: join again
	LostConsent  = "consent"       // the consent's scope changed: join again
	LostRevoked  = "revoked"       // access was taken away (T7)
	LostExpired  = "token_expired" // join again with a new token
)

// maxLines bounds the tracks of one peer that a view shows.
const maxLines = 16

// seat is a participant in the room. Its fields belong to the owner, but for those behind mu.
type seat struct {
	participant Participant
	grant       privacy.Grant
	conn        atomic.Pointer[Seat] // nil while the connection is lost
	last        Seat                 // the latest connection
	peer        Peer
	lane        *lane
	until       time.Time // when the token or the attestation runs out
	awayUntil   time.Time // set while the connection is lost

	mu     sync.Mutex
	lines  map[media.TrackID]wire.MediaLine
	down   bool // nothing comes from the peer for now
	failed bool
}

// send hands a frame to the connection there is; without one it is dropped, and Resume renegotiates.
func (s *seat) send(id ID, b wire.Body) {
	if c := s.conn.Load(); c != nil {
		c.Send(addressed(id, b))
	}
}

// addressed fills in the interview.
func addressed(id ID, b wire.Body) wire.Body {
	switch f := b.(type) {
	case wire.RTCOffer:
		f.Interview = string(id)
		return f
	case wire.RTCAnswer:
		f.Interview = string(id)
		return f
	case wire.RTCCandidate:
		f.Interview = string(id)
		return f
	}
	return b
}

// part takes the connection off the seat, and tells it why if a reason is given.
func (s *seat) part(reason string) {
	c := s.conn.Swap(nil)
	if c == nil {
		return
	}
	if reason != "" && c.Lost != nil {
		c.Lost(reason)
	}
	if c.Over != nil {
		c.Over()
	}
}

// hear takes news of the peer, from the room's goroutine; true when the view changed.
func (s *seat) hear(e PeerEvent) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := e.(type) {
	case TrackUp:
		if len(s.lines) < maxLines {
			s.lines[e.Track.ID] = wire.MediaLine{Track: uint16(e.Track.ID), Label: string(e.Track.Label)}
		}
	case TrackDown:
		delete(s.lines, e.Track)
	case Connected:
		changed := s.down
		s.down = false
		return changed
	case Disconnected:
		s.down = true
	case Failed:
		s.failed = true
	}
	return true
}

// muted marks the lines of that label; true when the view changed.
func (s *seat) muted(l media.Label, muted bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	for id, line := range s.lines {
		if line.Label == string(l) && line.Muted != muted {
			line.Muted, changed = muted, true
			s.lines[id] = line
		}
	}
	return changed
}

func (s *seat) broken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *seat) occupied() occupied {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := occupied{id: s.last.ID, peer: s.peer, away: s.down || !s.awayUntil.IsZero()}
	for _, id := range slices.Sorted(maps.Keys(s.lines)) {
		o.media = append(o.media, s.lines[id])
	}
	return o
}

// vacate takes the participant's seat away and tells the connection why, if a reason is given. Gone says that media is
// missing from here on though nobody meant it to (E7).
func (x *session) vacate(user identity.UserID, reason string, gone bool) {
	s := x.seats[user]
	if s == nil {
		return
	}
	delete(x.seats, user)
	x.changed = true
	s.peer.Leave()
	s.lane.serve(nil)
	if gone {
		s.lane.gap(media.Disconnected)
	}
	s.part(reason)
}

// dropFailed frees the seats whose media connection broke for good. One that is away is held: its client may still come
// back and learn of it then.
func (x *session) dropFailed() {
	for user, s := range maps.Clone(x.seats) {
		if s.awayUntil.IsZero() && s.broken() {
			x.vacate(user, LostFailed, true)
		}
	}
}
