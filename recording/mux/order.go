package mux

import (
	"slices"
	"time"

	"github.com/pion/rtp"
)

// Bounds of waiting for a packet that others have overtaken.
const (
	holdTime    = 2 * time.Second
	holdPackets = 2048
	firstTime   = 200 * time.Millisecond // how long the first packets wait for earlier ones
)

// order puts a run's packets in the order of their sequence numbers and drops repeats. A hole is waited for as long as
// others may still fill it; then what follows is delivered with the word that something is missing.
type order struct {
	deliver func(ts int64, p *rtp.Packet, gap bool)
	seq     unwrap
	clock   unwrap
	started bool
	next    int64 // the sequence number that is due
	held    []heldPacket
}

type heldPacket struct {
	seq, ts int64
	arrived time.Duration
	packet  *rtp.Packet
}

// push takes a packet as it arrived. What it keeps it copies.
func (o *order) push(p *rtp.Packet, arrived time.Duration) {
	seq, ts := o.seq.seq(p.SequenceNumber), o.clock.time(p.Timestamp)
	switch {
	case o.started && seq < o.next:
		return // a repeat, or too late
	case o.started && seq == o.next && len(o.held) == 0:
		o.next++
		o.deliver(ts, p, false)
		return
	}
	o.hold(heldPacket{seq: seq, ts: ts, arrived: arrived, packet: p.Clone()})
	o.release(arrived)
}

func (o *order) hold(h heldPacket) {
	i, found := slices.BinarySearchFunc(o.held, h.seq, func(a heldPacket, seq int64) int { return int(a.seq - seq) })
	if !found {
		o.held = slices.Insert(o.held, i, h)
	}
}

// release delivers what is due, and what has waited long enough.
func (o *order) release(now time.Duration) {
	for len(o.held) > 0 {
		first := o.held[0]
		switch {
		case !o.started:
			if !o.late(now, firstTime) {
				return
			}
			o.started, o.next = true, first.seq
		case first.seq != o.next && !o.late(now, holdTime):
			return
		}
		o.pop()
	}
}

// late says that the longest waiting packet has waited for d.
func (o *order) late(now, d time.Duration) bool {
	if len(o.held) >= holdPackets {
		return true
	}
	oldest := o.held[0].arrived
	for _, h := range o.held[1:] {
		oldest = min(oldest, h.arrived)
	}
	return now-oldest >= d
}

func (o *order) pop() {
	h := o.held[0]
	o.held = o.held[1:]
	gap := o.started && h.seq != o.next
	o.started, o.next = true, h.seq+1
	o.deliver(h.ts, h.packet, gap)
}

// flush delivers all that is held.
func (o *order) flush() {
	if !o.started && len(o.held) > 0 {
		o.started, o.next = true, o.held[0].seq
	}
	for len(o.held) > 0 {
		o.pop()
	}
}
