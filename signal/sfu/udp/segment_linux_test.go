package udp

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// segmentOf reads a control message back.
func segmentOf(control []byte) int {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) != 1 {
		return 0
	}
	h := messages[0].Header
	if h.Level != unix.IPPROTO_UDP || h.Type != unix.UDP_SEGMENT {
		return 0
	}
	return int(binary.NativeEndian.Uint16(messages[0].Data))
}

func TestControlMessagesSayTheSegment(t *testing.T) {
	if got := segmentOf(appendSegment(nil, 1136)); got != 1136 {
		t.Errorf("segment %d", got)
	}
	var b []byte
	if n := testing.AllocsPerRun(10, func() { b = appendSegment(b[:0], 5) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
