package sfu

import "encoding/binary"

// extensionOf finds a header extension in a raw RTP packet (RFC 8285) without allocating; nil when it is not there or
// the packet is malformed.
func extensionOf(b []byte, id uint8) []byte {
	if id == 0 || len(b) < 12 || b[0]&0x10 == 0 {
		return nil
	}
	at := 12 + 4*int(b[0]&0x0f)
	if len(b) < at+4 {
		return nil
	}
	profile, words := binary.BigEndian.Uint16(b[at:]), int(binary.BigEndian.Uint16(b[at+2:]))
	at += 4
	if len(b) < at+4*words {
		return nil
	}
	return elementOf(b[at:at+4*words], profile, id)
}

// elementOf walks the elements of an extension block of either form.
func elementOf(b []byte, profile uint16, id uint8) []byte {
	const oneByte, twoByte = 0xbede, 0x1000
	for len(b) > 0 {
		if b[0] == 0 { // padding
			b = b[1:]
			continue
		}
		var found uint8
		var head, size int
		switch {
		case profile == oneByte && b[0]>>4 != 15:
			found, head, size = b[0]>>4, 1, int(b[0]&0x0f)+1
		case profile&0xfff0 == twoByte && len(b) > 1:
			found, head, size = b[0], 2, int(b[1])
		default:
			return nil
		}
		if len(b) < head+size {
			return nil
		}
		if found == id {
			return b[head : head+size]
		}
		b = b[head+size:]
	}
	return nil
}

// unwrapRTX turns a retransmission (RFC 4588, section 4) in place into the packet it repeats; nil for padding that
// probes the bandwidth and for what is malformed.
func unwrapRTX(b []byte, ssrc uint32, pt uint8) []byte {
	n := headerSize(b)
	if n == 0 || len(b) < n+2 {
		return nil
	}
	if b[0]&0x20 != 0 && len(b)-n-int(b[len(b)-1]) < 2 {
		return nil
	}
	osn := [2]byte{b[n], b[n+1]}
	copy(b[n:], b[n+2:])
	b = b[:len(b)-2]
	b[1] = b[1]&0x80 | pt&0x7f
	b[2], b[3] = osn[0], osn[1]
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return b
}

// headerSize is the length of an RTP header with its extensions; zero when the packet is too short for it.
func headerSize(b []byte) int {
	if len(b) < 12 {
		return 0
	}
	n := 12 + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 {
		if len(b) < n+4 {
			return 0
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(b[n+2:]))
	}
	if len(b) < n {
		return 0
	}
	return n
}
