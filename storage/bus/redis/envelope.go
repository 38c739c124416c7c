package redis

import (
	"encoding/binary"
	"errors"
)

// What is published to a node, by its first byte, before it is sealed.
const (
	envelopeRecords = 'm' // records, one after another
	envelopeProbe   = 'p' // a probe of the node itself
	envelopeResync  = 'r' // messages to the node were lost
)

// envelopeBytes is how much is put into one envelope; a record that is larger has one to itself.
const envelopeBytes = 256 << 10

// record is a message to some users of a node, or to the node itself if there are none:
//
//	number of names, names of 16 bytes each, length of the payload, payload (numbers are varints)
type record struct {
	names   []name
	payload []byte
}

var errEnvelope = errors.New("not an envelope of the bus")

func appendRecord(b []byte, r record) []byte {
	b = binary.AppendUvarint(b, uint64(len(r.names)))
	for _, n := range r.names {
		b = append(b, n[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(r.payload)))
	return append(b, r.payload...)
}

// decodeRecords reads all records; payloads are parts of b.
func decodeRecords(b []byte) ([]record, error) {
	var records []record
	for len(b) > 0 {
		r, rest, err := decodeRecord(b)
		if err != nil {
			return nil, err
		}
		records, b = append(records, r), rest
	}
	return records, nil
}

func decodeRecord(b []byte) (r record, rest []byte, err error) {
	count, n := binary.Uvarint(b)
	if n <= 0 || count > uint64(len(b)-n)/uint64(len(name{})) {
		return record{}, nil, errEnvelope
	}
	b = b[n:]
	r.names = make([]name, count)
	for i := range r.names {
		b = b[copy(r.names[i][:], b):]
	}
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return record{}, nil, errEnvelope
	}
	r.payload = b[n : n+int(size) : n+int(size)]
	return r, b[n+int(size):], nil
}

// pack is envelopes of records in order, as few as their size allows.
type pack [][]byte

func (p *pack) add(r record) {
	last := len(*p) - 1
	if last < 0 || (*p)[last][0] != envelopeRecords || len((*p)[last])+len(r.payload) > envelopeBytes {
		*p = append(*p, []byte{envelopeRecords})
		last++
	}
	(*p)[last] = appendRecord((*p)[last], r)
}

// addToAll adds a message that names no users.
func (p *pack) addToAll(m outgoing) {
	if m.resync {
		*p = append(*p, []byte{envelopeResync})
		return
	}
	p.add(record{payload: m.payload})
}

// probe is what a node sends to itself: which link it tries, and the how manyth try it is.
type probe struct{ link, number uint64 }

func (p probe) encode() []byte {
	b := binary.BigEndian.AppendUint64([]byte{envelopeProbe}, p.link)
	return binary.BigEndian.AppendUint64(b, p.number)
}

func decodeProbe(b []byte) (probe, error) {
	if len(b) != 16 {
		return probe{}, errEnvelope
	}
	return probe{link: binary.BigEndian.Uint64(b), number: binary.BigEndian.Uint64(b[8:])}, nil
}
