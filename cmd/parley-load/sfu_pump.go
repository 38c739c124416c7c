package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// pump publishes a scenario, over and over.
type pump struct {
	scenario scenario
	meter    *meter
	track    *webrtc.TrackLocalStaticRTP
	sender   *webrtc.RTPSender
	warm     atomic.Bool // every frame is a key frame, so that anyone can begin

	between sync.Mutex // held while a frame is sent
	index   int64      // of the next packet
	packet  rtp.Packet
	buf     [2000]byte
}

func newPump(s scenario, m *meter, host *peer) (*pump, error) {
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "camera", "host")
	if err != nil {
		return nil, fmt.Errorf("new track: %w", err)
	}
	sender, err := host.publish(track)
	if err != nil {
		return nil, err
	}
	p := &pump{scenario: s, meter: m, track: track, sender: sender}
	p.warm.Store(true)
	return p, nil
}

// run publishes until ctx ends.
func (p *pump) run(ctx context.Context) {
	began := time.Now()
	for round := 0; ; round++ {
		for _, picture := range p.scenario.pictures {
			offset := time.Duration(round)*p.scenario.length + picture.at
			if pause(ctx, time.Until(began.Add(offset))) != nil {
				return
			}
			if p.show(ctx, picture, began.Add(offset), uint32(offset.Seconds()*90000)) != nil { //nolint:gosec // modular on purpose
				return
			}
		}
	}
}

// show sends one picture, its packets as far apart as they were.
func (p *pump) show(ctx context.Context, f picture, at time.Time, timestamp uint32) error {
	p.between.Lock()
	defer p.between.Unlock()
	for i, x := range f.packets {
		if x.after > 0 {
			if err := pause(ctx, time.Until(at.Add(x.after))); err != nil {
				return err
			}
		}
		p.write(i == 0, i == len(f.packets)-1, x.size, timestamp)
	}
	return nil
}

func (p *pump) write(first, last bool, size int, timestamp uint32) {
	payload := p.buf[:max(size, minPayload)]
	payload[0], payload[1] = 0, 1 // goes on with a picture that is no key frame
	if first {
		payload[0] = 0x10
		if p.warm.Load() {
			payload[1] = 0
		}
	}
	p.meter.stamp(payload, p.index)
	p.packet.Version, p.packet.Marker, p.packet.Timestamp = 2, last, timestamp
	p.packet.SequenceNumber = uint16(p.index) //nolint:gosec // modular on purpose
	p.packet.Payload = payload
	p.index++
	_ = p.track.WriteRTP(&p.packet) // before it is connected nothing is sent
}
