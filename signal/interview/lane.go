package interview

import (
	"sync/atomic"
	"time"

	"parley/signal/media"
)

// lane is one participant's way into a part of the recording: the sink, the same for the whole part, and back, from the
// recorder to whatever peer the participant has now.
type lane struct {
	sink media.Sink // nil until the participant first comes; the owner's
	peer atomic.Pointer[Peer]
}

// serve says whom to ask for key frames from now on; nil for nobody.
func (l *lane) serve(p Peer) {
	if p == nil {
		l.peer.Store(nil)
		return
	}
	l.peer.Store(&p)
}

// gap writes down that all of the participant's media is missing from now on (E7).
func (l *lane) gap(why media.GapReason) {
	l.sink.Event(media.Gap{At: time.Now(), Reason: why})
}

// RequestKeyFrame implements [media.Source].
func (l *lane) RequestKeyFrame(t media.TrackID) {
	if p := l.peer.Load(); p != nil {
		(*p).RequestKeyFrame(t)
	}
}
