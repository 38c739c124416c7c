package rtpcache

import "sync"

// MaxPayload is the longest payload kept; longer ones are forwarded but not kept.
const MaxPayload = 1500

// Packet is what must be known to send a packet again, whatever the subscriber's own numbers are.
type Packet struct {
	Seq       uint64 // extended, of the source
	Timestamp uint32 // of the source
	Marker    bool
	Padding   uint8 // bytes of padding of a packet without payload
	Level     uint8 // audio level extension (RFC 6464), of audio
	Payload   []byte
}

// Cache is a ring of packets. All methods may be called concurrently.
type Cache struct {
	mu    sync.Mutex
	slots []Packet
	full  []bool
}

// New makes a cache of the last size packets. Payloads are allocated as they come.
func New(size int) *Cache {
	return &Cache{slots: make([]Packet, size), full: make([]bool, size)}
}

// Put stores a copy of p in place of the packet that is size numbers older, and returns it: its payload is the cache's
// and holds until a Put of another packet in its place. A packet older than what stands in its place, or too long, is
// not stored but returned as it is, with false.
func (c *Cache) Put(p Packet) (Packet, bool) {
	if len(p.Payload) > MaxPayload {
		return p, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i := p.Seq % uint64(len(c.slots))
	s := &c.slots[i]
	if c.full[i] && s.Seq > p.Seq {
		return p, false
	}
	kept := append(s.Payload[:0], p.Payload...)
	*s = p
	s.Payload = kept
	c.full[i] = true
	return *s, true
}

// Get copies the packet with the extended number seq; its payload is appended to buf, which the caller owns.
func (c *Cache) Get(seq uint64, buf []byte) (Packet, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := seq % uint64(len(c.slots))
	s := &c.slots[i]
	if !c.full[i] || s.Seq != seq {
		return Packet{}, false
	}
	p := *s
	p.Payload = append(buf, s.Payload...)
	return p, true
}
