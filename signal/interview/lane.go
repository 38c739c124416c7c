package interview

import (
	"sync"
	"sync/atomic"
	"time"

	"parley/signal/media"
)

// lane is one participant's way into a part of the recording. A participant who comes back has a new peer, which numbers
// its tracks from 1 again; the journal's numbers go on.
type lane struct {
	sink media.Sink
	peer atomic.Pointer[carrier]

	mu   sync.Mutex
	used media.TrackID // the highest number in the journal
}

// carrier is the sink of one peer: its tracks stand in the journal above base.
type carrier struct {
	media.Sink
	lane *lane
	base media.TrackID
	to   media.Source
}

// open gives the sink for the participant's next peer.
func (l *lane) open() *carrier {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &carrier{Sink: l.sink, lane: l, base: l.used}
}

// serve says whom to ask for the carrier's key frames from now on.
func (l *lane) serve(c *carrier, from media.Source) {
	c.to = from
	l.peer.Store(c)
}

func (l *lane) close() { l.peer.Store(nil) }

// gap writes down that all of the participant's media is missing from now on.
func (l *lane) gap(why media.GapReason) {
	l.sink.Event(media.Gap{At: time.Now(), Reason: why})
}

// RequestKeyFrame implements [media.Source] over whatever peer the participant has now.
func (l *lane) RequestKeyFrame(t media.TrackID) {
	if c := l.peer.Load(); c != nil && t > c.base {
		c.to.RequestKeyFrame(t - c.base)
	}
}

// Packet implements [media.Sink].
func (c *carrier) Packet(p media.Packet) {
	p.Track += c.base
	c.Sink.Packet(p)
}

// Report implements [media.Sink].
func (c *carrier) Report(r media.Report) {
	r.Track += c.base
	c.Sink.Report(r)
}

// Event implements [media.Sink].
func (c *carrier) Event(e media.Event) {
	switch e := e.(type) {
	case media.TrackStarted:
		e.Track.ID = c.number(e.Track.ID)
		c.Sink.Event(e)
	case media.TrackEnded:
		e.Track += c.base
		c.Sink.Event(e)
	case media.Muted:
		e.Track += c.base
		c.Sink.Event(e)
	case media.Gap:
		if e.Track != 0 { // 0 is all of the participant's
			e.Track += c.base
		}
		c.Sink.Event(e)
	}
}

// number moves a new track above all that came before.
func (c *carrier) number(t media.TrackID) media.TrackID {
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	c.lane.used = max(c.lane.used, t+c.base)
	return t + c.base
}
