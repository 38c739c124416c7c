package media

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// TrackID numbers the tracks of one participant in the order of their appearance, from 1. A track that ends and
// comes again (reload, renegotiation, another codec) is a new track with a new number.
type TrackID uint16

// Kind is audio or video. The zero value is neither.
type Kind uint8

// Kinds of tracks.
const (
	Unknown Kind = iota
	Audio
	Video
)

// String is the SDP media name.
func (k Kind) String() string { return [...]string{"unknown", "audio", "video"}[k%3] }

// Label says what a track shows. The zero value is not labelled.
type Label string

// Labels of tracks.
const (
	Microphone Label = "microphone"
	Camera     Label = "camera"
	Screen     Label = "screen"
)

// Codec is how a track is coded, as negotiated in SDP.
type Codec struct {
	MIME        string // "video/VP8", "video/VP9", "audio/opus"
	ClockRate   uint32 // Hz
	Channels    uint16
	PayloadType uint8
	Fmtp        string
}

// Track is one stream that a participant publishes.
type Track struct {
	ID    TrackID
	Kind  Kind
	Label Label
	Codec Codec
	SSRC  uint32
	// Layer is the simulcast rid ("" when there is but one).
	Layer string
}

// Packet is one RTP packet of a track after SRTP and after repeats were dropped. RTP and what it points to
// belong to the caller and are only valid during the call.
type Packet struct {
	Track   TrackID
	Arrival time.Time // the server's clock, with its monotonic reading
	RTP     *rtp.Packet
}

// Report is an RTCP sender report that came with a track (RFC 3550, 6.4.1).
type Report struct {
	Track   TrackID
	Arrival time.Time
	RTCP    *rtcp.SenderReport
}

// Event is something that happened to a participant's media: one struct per kind.
type Event interface{ event() }

type (
	// TrackStarted announces a track before its first packet.
	TrackStarted struct {
		At    time.Time
		Track Track
	}
	// TrackEnded follows a track's last packet.
	TrackEnded struct {
		At    time.Time
		Track TrackID
	}
	// Muted says that the participant muted or unmuted a track.
	Muted struct {
		At    time.Time
		Track TrackID
		Muted bool
	}
	// Gap says that packets are missing for good: repair gave up, or the participant was away. From and To are
	// the first and last missing extended sequence numbers of the track; both zero when only the time is known.
	Gap struct {
		At       time.Time
		Track    TrackID
		From, To uint64
		Reason   GapReason
	}
)

func (TrackStarted) event() {}
func (TrackEnded) event()   {}
func (Muted) event()        {}
func (Gap) event()          {}

// GapReason says why media is missing (E7).
type GapReason string

// Reasons of gaps.
const (
	Loss         GapReason = "loss"
	Disconnected GapReason = "disconnected"
	Crash        GapReason = "crash"
	Withdrawn    GapReason = "withdrawn"
	Overload     GapReason = "overload"
)

// Sink takes the media of one participant: the recorder, later the SIP agent and the cascade. Packet, Report and
// Event are called from one goroutine at a time for each track, possibly concurrently across tracks; they never
// block and keep nothing that they are given. A sink that can't keep up or can't store says so once through
// Failed and ignores what follows.
//
// Whoever opened the sink closes it, exactly once, after the last call; the SFU never does.
type Sink interface {
	Packet(Packet)
	Report(Report)
	Event(Event)
	// Failed is closed when the sink has failed; Err then says why.
	Failed() <-chan struct{}
	Err() error
}

// Source is where a sink asks for a picture that can be decoded without what came before.
type Source interface {
	// RequestKeyFrame asks the publisher of the track for a key frame (PLI, RFC 4585, 6.3.1). Requests are
	// throttled by the source; any goroutine may call it and it never blocks.
	RequestKeyFrame(TrackID)
}
