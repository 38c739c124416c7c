package main

import (
	"encoding/binary"
	"math"
	"sync/atomic"
	"time"
)

// meter counts what arrives. Its methods may be called concurrently.
type meter struct {
	epoch    time.Time
	from, to atomic.Int64 // numbers of the packets that count
	watching atomic.Int64 // clients that have got a packet
	received atomic.Int64
	delays   [delays]atomic.Int64
}

// Delays are counted in steps of 20 µs; the last one is "longer".
const (
	delayStep = 20 * time.Microsecond
	delays    = 1 << 16
)

func newMeter() *meter {
	m := &meter{epoch: time.Now()}
	m.from.Store(math.MaxInt64)
	m.to.Store(math.MaxInt64)
	return m
}

// What the publisher writes into a payload, behind the first bytes that tell a key frame:
//
//	2 bytes VP8 │ 8 bytes number │ 8 bytes time of sending, in ns of the meter
const (
	vp8Bytes   = 2
	minPayload = vp8Bytes + 16
)

func (m *meter) stamp(payload []byte, number int64) {
	binary.BigEndian.PutUint64(payload[vp8Bytes:], uint64(number))
	binary.BigEndian.PutUint64(payload[vp8Bytes+8:], uint64(time.Since(m.epoch)))
}

// watcher makes what takes the packets of one client.
func (m *meter) watcher() func(rtp []byte) {
	first := true
	return func(rtp []byte) {
		if first {
			first = false
			m.watching.Add(1)
		}
		m.take(rtp)
	}
}

func (m *meter) take(rtp []byte) {
	const header = 12
	at := header + 4*int(rtp[0]&0x0f)
	if rtp[0]&0x10 != 0 {
		at += 4 + 4*int(binary.BigEndian.Uint16(rtp[at+2:]))
	}
	payload := rtp[at:]
	if len(payload) < minPayload {
		return
	}
	number := int64(binary.BigEndian.Uint64(payload[vp8Bytes:]))
	if number < m.from.Load() || number >= m.to.Load() {
		return
	}
	m.received.Add(1)
	d := time.Since(m.epoch) - time.Duration(binary.BigEndian.Uint64(payload[vp8Bytes+8:]))
	m.delays[min(max(int(d/delayStep), 0), delays-1)].Add(1)
}

// percentile is the delay that a share of the packets did not exceed.
func (m *meter) percentile(share float64) time.Duration {
	left := int64(share * float64(m.received.Load()))
	for i := range m.delays {
		if left -= m.delays[i].Load(); left < 0 {
			return time.Duration(i+1) * delayStep
		}
	}
	return delays * delayStep
}
