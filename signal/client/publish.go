package client

import (
	"bytes"
	_ "embed" // the canned picture
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
)

// picture is 30 frames of VP8 of 320×180, the first of them a key frame.
//
//go:embed picture.ivf
var picture []byte

// silence is 20 ms of Opus.
var silence = []byte{0xfc, 0xff, 0xfe}

const voiceFrame = 20 * time.Millisecond

type codec struct {
	webrtc.RTPCodecParameters
	kind webrtc.RTPCodecType
}

var codecs = []codec{
	{kind: webrtc.RTPCodecTypeAudio, RTPCodecParameters: webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
	}}},
	{kind: webrtc.RTPCodecTypeVideo, RTPCodecParameters: webrtc.RTPCodecParameters{PayloadType: 96, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}},
	}}},
}

// publish adds the tracks and starts what fills them.
func (c *Call) publish() error {
	frames, err := decodeIVF(picture)
	if err != nil {
		return err
	}
	for _, t := range []struct {
		label, mime string
		on          bool
	}{{"microphone", webrtc.MimeTypeOpus, c.opt.Audio}, {"camera", webrtc.MimeTypeVP8, c.opt.Video}, {"screen", webrtc.MimeTypeVP8, c.opt.Screen}} {
		if !t.on {
			continue
		}
		if err := c.publishOne(t.label, t.mime, frames); err != nil {
			return fmt.Errorf("publish %s: %w", t.label, err)
		}
	}
	return nil
}

func (c *Call) publishOne(label, mime string, frames [][]byte) error {
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, label, "parley")
	if err != nil {
		return err
	}
	t, err := c.pub.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return err
	}
	var restart atomic.Bool
	c.spawn(func() { watchKeyFrames(t.Sender(), &restart) })
	if mime == webrtc.MimeTypeOpus {
		c.spawn(func() { c.speak(track, label) })
		return nil
	}
	c.spawn(func() { c.show(track, label, frames, &restart) })
	return nil
}

// watchKeyFrames notes when the server asks for a key frame, until the connection closes.
func watchKeyFrames(s *webrtc.RTPSender, restart *atomic.Bool) {
	for {
		packets, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			switch p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				restart.Store(true)
			}
		}
	}
}

func (c *Call) speak(t *webrtc.TrackLocalStaticSample, label string) {
	c.every(voiceFrame, label, func() { _ = t.WriteSample(media.Sample{Data: silence, Duration: voiceFrame}) })
}

// show sends the picture over and over, from its key frame when one is asked for.
func (c *Call) show(t *webrtc.TrackLocalStaticSample, label string, frames [][]byte, restart *atomic.Bool) {
	i, d := 0, time.Second/time.Duration(c.opt.Frames)
	c.every(d, label, func() {
		if restart.Swap(false) {
			i = 0
		}
		_ = t.WriteSample(media.Sample{Data: frames[i], Duration: d})
		i = (i + 1) % len(frames)
	})
}

// every calls f at a steady pace while the call lasts and the track is not muted.
func (c *Call) every(d time.Duration, label string, f func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-tick.C:
			c.mu.Lock()
			muted := c.muted[label]
			c.mu.Unlock()
			if !muted {
				f()
			}
		}
	}
}

// receive counts a track until it ends.
func (c *Call) receive(t *webrtc.TrackRemote, k Key) {
	r := &Received{Codec: t.Codec().MimeType}
	c.mu.Lock()
	c.received[k] = r
	c.mu.Unlock()
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		c.mu.Lock()
		r.Packets++
		r.Bytes += uint64(len(p.Payload))
		if p.Marker {
			r.Frames++
		}
		c.mu.Unlock()
	}
}

func decodeIVF(b []byte) ([][]byte, error) {
	r, _, err := ivfreader.NewWith(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("canned picture: %w", err)
	}
	var frames [][]byte
	for {
		f, _, err := r.ParseNextFrame()
		if err != nil {
			break
		}
		frames = append(frames, f)
	}
	if len(frames) == 0 {
		return nil, fmt.Errorf("canned picture: no frames")
	}
	return frames, nil
}
