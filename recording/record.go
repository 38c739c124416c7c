package recording

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/pion/rtp"

	"parley/signal/media"
)

// RecordKind says what a journal record holds. The zero value is no record.
type RecordKind uint8

// Kinds of records; the numbers are part of the format.
const (
	RecordNone      RecordKind = 0
	RecordOpened    RecordKind = 1 // first of a journal: JSON [Opened]
	RecordPacket    RecordKind = 2 // an RTP packet as it came, after SRTP
	RecordReport    RecordKind = 3 // an RTCP sender report
	RecordTrack     RecordKind = 4 // a track begins: JSON [TrackInfo], with its codec and layer
	RecordTrackEnd  RecordKind = 5 // no payload
	RecordMute      RecordKind = 6 // one byte: 1 muted, 0 not
	RecordGap       RecordKind = 7 // JSON [GapInfo]
	RecordConsent   RecordKind = 8 // JSON [Event]
	RecordClosed    RecordKind = 9 // last of a journal that ended in order; no payload
	recordKindsPast RecordKind = 10
)

// Sizes of records.
const (
	recordHead = 1 + 2 + 8 + 4 // kind, track, time, length
	recordTail = 4             // CRC-32C of all before
	// MaxPayload is the longest payload of a record; longer packets are not stored.
	MaxPayload = 32 << 10
)

// Record is one entry of a journal. At is the time since the recording's start on the recording's clock.
type Record struct {
	Kind    RecordKind
	Track   media.TrackID
	At      time.Duration
	Payload []byte
}

// Opened is the payload of a journal's first record.
type Opened struct {
	Recording   ID            `json:"recording"`
	Participant ParticipantID `json:"participant"`
	Epoch       uint32        `json:"epoch"`
	Started     time.Time     `json:"started"` // time 0 on the server's wall clock
}

// TrackInfo is the payload of [RecordTrack].
type TrackInfo struct {
	Kind  string      `json:"kind"` // "audio", "video"
	Label media.Label `json:"label"`
	Codec media.Codec `json:"codec"`
	SSRC  uint32      `json:"ssrc"`
	Layer string      `json:"layer,omitempty"`
}

// GapInfo is the payload of [RecordGap]: From and To are the first and last missing extended sequence numbers, both
// zero when only the time is known.
type GapInfo struct {
	Reason media.GapReason `json:"reason"`
	From   uint64          `json:"from,omitempty"`
	To     uint64          `json:"to,omitempty"`
	// Packets is how many packets the recorder itself had to drop.
	Packets uint64 `json:"packets,omitempty"`
}

// Reasons of gaps that only a recorder knows.
const (
	// Storage says that a disk was full or broken.
	Storage media.GapReason = "storage"
	// Gone says that the node is gone, and what it had recorded from there on with it.
	Gone media.GapReason = "node"
)

var crcTable = crc32.MakeTable(crc32.Castagnoli)

// errRecord says that bytes are no record.
var errRecord = errors.New("recording: malformed record")

// beginRecord appends a record's head with the length still to be filled in.
func beginRecord(dst []byte, k RecordKind, t media.TrackID, at time.Duration) []byte {
	dst = append(dst, byte(k))
	dst = binary.BigEndian.AppendUint16(dst, uint16(t))
	dst = binary.BigEndian.AppendUint64(dst, uint64(max(at, 0)))
	return append(dst, 0, 0, 0, 0)
}

// endRecord completes the record that starts at from.
func endRecord(dst []byte, from int) []byte {
	binary.BigEndian.PutUint32(dst[from+recordHead-4:], uint32(len(dst)-from-recordHead))
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[from:], crcTable))
}

// appendRecord appends a whole record.
func appendRecord(dst []byte, r Record) []byte {
	from := len(dst)
	dst = beginRecord(dst, r.Kind, r.Track, r.At)
	return endRecord(append(dst, r.Payload...), from)
}

// appendPacket appends a packet's record without an allocation when dst has room. A packet that can't be marshalled
// or is too long leaves dst as it was.
func appendPacket(dst []byte, t media.TrackID, at time.Duration, p *rtp.Packet) ([]byte, error) {
	n := p.MarshalSize()
	if n > MaxPayload {
		return dst, fmt.Errorf("append packet of %d bytes: %w", n, errRecord)
	}
	from := len(dst)
	dst = beginRecord(dst, RecordPacket, t, at)
	body := len(dst)
	dst = extend(dst, n)
	if _, err := p.MarshalTo(dst[body:]); err != nil {
		return dst[:from], fmt.Errorf("append packet: %w", err)
	}
	return endRecord(dst, from), nil
}

// extend grows b by n bytes of any content.
func extend(b []byte, n int) []byte {
	if cap(b)-len(b) < n {
		b = append(make([]byte, 0, 2*cap(b)+n), b...)
	}
	return b[:len(b)+n]
}

// jsonRecord is a record whose payload is v. The payloads of this package always marshal.
func jsonRecord(k RecordKind, t media.TrackID, at time.Duration, v any) (Record, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return Record{}, fmt.Errorf("encode record: %w", err)
	}
	return Record{Kind: k, Track: t, At: at, Payload: b}, nil
}

// nextRecord takes the first record off b. Its payload shares b's memory.
func nextRecord(b []byte) (r Record, rest []byte, err error) {
	if len(b) < recordHead+recordTail {
		return r, nil, fmt.Errorf("%w: %d bytes left", errRecord, len(b))
	}
	n := int(binary.BigEndian.Uint32(b[recordHead-4:]))
	if n > MaxPayload || len(b) < recordHead+n+recordTail {
		return r, nil, fmt.Errorf("%w: length %d", errRecord, n)
	}
	end := recordHead + n
	if crc32.Checksum(b[:end], crcTable) != binary.BigEndian.Uint32(b[end:]) {
		return r, nil, fmt.Errorf("%w: checksum", errRecord)
	}
	r = Record{
		Kind: RecordKind(b[0]), Track: media.TrackID(binary.BigEndian.Uint16(b[1:])),
		At: time.Duration(binary.BigEndian.Uint64(b[3:])), Payload: b[recordHead:end:end],
	}
	if r.Kind == RecordNone || r.Kind >= recordKindsPast || r.At < 0 {
		return Record{}, nil, fmt.Errorf("%w: kind %d", errRecord, r.Kind)
	}
	return r, b[end+recordTail:], nil
}
