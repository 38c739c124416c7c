package client

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"parley/signal/wire"
)

// CallOptions say what a call publishes and over which network.
type CallOptions struct {
	Audio, Video bool
	// Screen publishes a second picture labelled "screen".
	Screen bool
	// API has the network and codecs of the peer connections; nil is VP8 and Opus over the system's network, loopback
	// included.
	API *webrtc.API
	// Frames is how many pictures a second are sent; 15. A key frame is every 30th, and comes when one is asked for.
	Frames int
}

func (o CallOptions) withDefaults() (CallOptions, error) {
	if o.Frames <= 0 {
		o.Frames = 15
	}
	if o.API == nil {
		api, err := NewAPI(webrtc.SettingEngine{})
		if err != nil {
			return o, err
		}
		o.API = api
	}
	return o, nil
}

// NewAPI is VP8 and Opus with Pion's default interceptors, and more that see what is sent before those do, over the network
// of the settings, loopback included.
func NewAPI(set webrtc.SettingEngine, more ...interceptor.Factory) (*webrtc.API, error) {
	set.SetIncludeLoopbackCandidate(true)
	set.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	media := &webrtc.MediaEngine{}
	for _, c := range codecs {
		if err := media.RegisterCodec(c.RTPCodecParameters, c.kind); err != nil {
			return nil, fmt.Errorf("register codec: %w", err)
		}
	}
	all := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(media, all); err != nil {
		return nil, fmt.Errorf("register interceptors: %w", err)
	}
	for _, f := range more {
		all.Add(f)
	}
	return webrtc.NewAPI(webrtc.WithSettingEngine(set), webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(all)), nil
}

// Call is one participant's media in one interview. Any goroutine may call it.
type Call struct {
	s         *Session
	interview string
	opt       CallOptions
	ctx       context.Context
	cancel    context.CancelCauseFunc
	frames    chan wire.Body // from the session, in order

	pub, sub  *webrtc.PeerConnection
	connected chan struct{} // closed once pub is
	once      sync.Once
	early     map[string][]webrtc.ICECandidateInit // by PC, before the description they belong to; negotiate's

	mu       sync.Mutex
	work     sync.WaitGroup
	talks    sync.WaitGroup // negotiate, which must be over before the connections close
	muted    map[string]bool
	mids     map[string]wire.RTCTrack // of sub
	received map[Key]*Received
}

// Key names a track that is received: whose it is and what it shows.
type Key struct{ User, Label string }

// Received counts what came of a track.
type Received struct {
	Codec                  string
	Packets, Bytes, Frames uint64 // a frame ends with a packet that has the marker
}

// Join enters an interview, after consent, and publishes until [Call.Leave] or [Call.Close]. It returns once the server
// has taken the offer; media follows ([Call.Connected]).
func (s *Session) Join(ctx context.Context, interview string, o CallOptions) (*Call, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Call{
		s: s, interview: interview, opt: o, frames: make(chan wire.Body, 256), connected: make(chan struct{}),
		early: map[string][]webrtc.ICECandidateInit{}, muted: map[string]bool{}, mids: map[string]wire.RTCTrack{},
		received: map[Key]*Received{},
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	if err := c.start(ctx); err != nil {
		c.stop(err)
		return nil, err
	}
	return c, nil
}

func (c *Call) start(ctx context.Context) error {
	if err := c.open(); err != nil {
		return err
	}
	c.s.route(c.interview, c)
	if _, err := Ask[wire.InterviewState](ctx, c.s, wire.InterviewJoin{Interview: c.interview}); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	c.talks.Go(c.negotiate)
	return c.offer(ctx)
}

// Connected is closed once media can flow to the server.
func (c *Call) Connected() <-chan struct{} { return c.connected }

// Done is closed when the call is over or has failed; Err then says why.
func (c *Call) Done() <-chan struct{} { return c.ctx.Done() }

// Err is why the call is over; nil while it lasts.
func (c *Call) Err() error { return context.Cause(c.ctx) }

// Received is what came of each track so far.
func (c *Call) Received() map[Key]Received {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[Key]Received{}
	for k, r := range c.received {
		all[k] = *r
	}
	return all
}

// Forget sets all counters to zero.
func (c *Call) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.received {
		*r = Received{Codec: r.Codec}
	}
}

// Mute stops or resumes sending a track and tells the others.
func (c *Call) Mute(ctx context.Context, label string, muted bool) error {
	c.mu.Lock()
	c.muted[label] = muted
	c.mu.Unlock()
	_, err := c.s.Do(ctx, wire.InterviewMute{Interview: c.interview, Track: label, Muted: muted})
	return err
}

// Leave gives up the seat and ends the media.
func (c *Call) Leave(ctx context.Context) error {
	_, err := c.s.Do(ctx, wire.InterviewLeave{Interview: c.interview})
	c.stop(ErrClosed)
	return err
}

// Close ends the media without a word, as a crashed browser does.
func (c *Call) Close() error {
	c.stop(ErrClosed)
	return nil
}

func (c *Call) stop(why error) {
	c.s.route(c.interview, nil)
	c.mu.Lock()
	c.cancel(why)
	c.mu.Unlock()
	c.talks.Wait()
	for _, pc := range []*webrtc.PeerConnection{c.pub, c.sub} {
		if pc != nil {
			pc.Close()
		}
	}
	c.work.Wait()
}

// spawn runs f unless the call is over; stop waits for it.
func (c *Call) spawn(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() == nil {
		c.work.Go(f)
	}
}

// resume takes the seat back after the session's connection was lost. When it is gone the call is over.
func (c *Call) resume(former string) {
	_, err := Ask[wire.InterviewState](c.ctx, c.s, wire.InterviewResume{Interview: c.interview, Session: former})
	if err != nil && !errors.Is(err, ErrLost) { // lost again: the next return tries again
		c.cancel(fmt.Errorf("resume: %w", err))
	}
}

// route sends the frames of an interview to a call; nil ends it.
func (s *Session) route(interview string, to *Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to == nil {
		delete(s.calls, interview)
		return
	}
	s.calls[interview] = to
}

// toCall hands a frame of negotiation to its call. A call that lets its queue run full has lost the thread anyway.
func (s *Session) toCall(b wire.Body) {
	s.mu.Lock()
	c := s.calls[interviewOf(b)]
	s.mu.Unlock()
	if c == nil {
		return
	}
	select {
	case c.frames <- b:
	default:
		c.cancel(errors.New("client: the server's frames were not taken"))
	}
}

// resumeCalls is what the session does when it is back.
func (s *Session) resumeCalls(former string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		c.spawn(func() { c.resume(former) })
	}
}

func interviewOf(b wire.Body) string {
	switch b := b.(type) {
	case wire.RTCOffer:
		return b.Interview
	case wire.RTCAnswer:
		return b.Interview
	case wire.RTCCandidate:
		return b.Interview
	}
	return ""
}
