package udp

import "encoding/binary"

// Kind is what a datagram looks like by its first bytes (RFC 7983, section 7). The zero value is nothing of ours.
type Kind uint8

// Kinds of datagrams.
const (
	Garbage Kind = iota
	STUN
	DTLS
	RTP // or RTCP
)

const (
	stunHeader = 20
	stunCookie = 0x2112A442 // RFC 8489, section 5
	dtlsHeader = 13
	rtcpHeader = 8 // the shortest of RTP and RTCP
)

// Classify looks at the first bytes of a datagram only; it says nothing about the rest.
func Classify(b []byte) Kind {
	switch {
	case len(b) < rtcpHeader:
		return Garbage
	case b[0] < 4:
		return classifySTUN(b)
	case b[0] >= 20 && b[0] < 64 && len(b) >= dtlsHeader:
		return DTLS
	case b[0] >= 128 && b[0] < 192:
		return RTP
	}
	return Garbage
}

func classifySTUN(b []byte) Kind {
	if len(b) < stunHeader || binary.BigEndian.Uint32(b[4:]) != stunCookie {
		return Garbage
	}
	if int(binary.BigEndian.Uint16(b[2:]))+stunHeader != len(b) {
		return Garbage
	}
	return STUN
}

// IsRTP tells RTP from everything else, RTCP included (RFC 5761, section 4).
func IsRTP(b []byte) bool {
	return Classify(b) == RTP && (b[1]&0x7f < 64 || b[1]&0x7f > 95)
}
