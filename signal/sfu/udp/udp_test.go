package udp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ ice.AddrPortReaderWriter = (*Conn)(nil)

func stun(body int) []byte {
	b := make([]byte, 20+body)
	binary.BigEndian.PutUint16(b[2:], uint16(body))
	binary.BigEndian.PutUint32(b[4:], stunCookie)
	return b
}

func first(b byte, size int) []byte {
	d := make([]byte, size)
	d[0] = b
	return d
}

func TestClassifyKnowsKindsByTheirFirstBytes(t *testing.T) {
	short := stun(8)[:24]
	cookieless := stun(0)
	cookieless[4] = 0
	for name, c := range map[string]struct {
		datagram []byte
		want     Kind
	}{
		"STUN request":          {stun(8), STUN},
		"STUN cut off":          {short, Garbage},
		"STUN without cookie":   {cookieless, Garbage},
		"DTLS handshake":        {first(22, 60), DTLS},
		"DTLS cut off":          {first(22, 12), Garbage},
		"RTP":                   {first(0x80, 12), RTP},
		"RTCP, the shortest":    {first(0x81, 8), RTP},
		"TURN channel":          {first(64, 40), Garbage},
		"text":                  {[]byte("GET / HTTP/1.1"), Garbage},
		"QUIC":                  {first(0xc0, 1200), Garbage},
		"nothing":               {nil, Garbage},
		"one byte of something": {[]byte{0x80}, Garbage},
	} {
		if got := Classify(c.datagram); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(stun(8))
	f.Add(first(22, 60))
	f.Add(first(0x80, 12))
	f.Fuzz(func(t *testing.T, b []byte) {
		if k := Classify(b); k > RTP || (k != Garbage && len(b) < rtcpHeader) {
			t.Errorf("%d bytes are of kind %d", len(b), k)
		}
	})
}

func listen(t testing.TB, cfg Config) *Conn {
	t.Helper()
	return listenAt(t, "udp4", "127.0.0.1:0", cfg)
}

func listenAt(t testing.TB, network, at string, cfg Config) *Conn {
	t.Helper()
	socket, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		t.Fatal(err)
	}
	c := New(socket, cfg)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestConnHandsOnWhatMayBeOursAndCountsTheRest(t *testing.T) {
	var dropped atomic.Int64
	c := listen(t, Config{Dropped: func(Kind) { dropped.Add(1) }})
	sender := listen(t, Config{})
	want := stun(4)
	for _, b := range [][]byte{[]byte("garbage"), first(0xff, 1400), want} {
		if _, err := sender.WriteToAddrPort(b, c.LocalAddrPort()); err != nil {
			t.Fatal(err)
		}
	}
	sender.Flush()
	buf := make([]byte, 1500)
	n, from, err := c.ReadFromAddrPort(buf)
	if err != nil || from != sender.LocalAddrPort() || !bytes.Equal(buf[:n], want) {
		t.Errorf("read %d bytes from %v, %v", n, from, err)
	}
	if dropped.Load() != 2 {
		t.Errorf("dropped %d, want 2", dropped.Load())
	}
}

func TestConnServesCallersOfNetAddrAlike(t *testing.T) {
	c, sender := listen(t, Config{}), listen(t, Config{})
	if _, err := sender.WriteTo(first(0x80, 20), c.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	sender.Flush()
	n, from, err := c.ReadFrom(make([]byte, 1500))
	if err != nil || n != 20 || from.String() != sender.LocalAddr().String() {
		t.Errorf("read %d from %v, %v", n, from, err)
	}
}

func TestConnEndsReadingWhenClosedOrLate(t *testing.T) {
	c := listen(t, Config{})
	if err := c.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, _, err := c.ReadFromAddrPort(make([]byte, 10)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("past the deadline: %v", err)
	}
	_ = c.Close()
	if _, _, err := c.ReadFromAddrPort(make([]byte, 10)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// flaky fails a number of reads before it hands out a datagram, and never implements more than net.PacketConn.
type flaky struct {
	net.PacketConn
	failures int
}

func (f *flaky) ReadFrom(b []byte) (int, net.Addr, error) {
	if f.failures > 0 {
		f.failures--
		return 0, nil, errors.New("no buffer space")
	}
	return copy(b, first(0x80, 12)), &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9}, nil
}

func TestConnOutlivesPassingErrors(t *testing.T) {
	c := New(&flaky{failures: 10}, Config{})
	if n, from, err := c.ReadFromAddrPort(make([]byte, 100)); err != nil || n != 12 || from.Port() != 9 {
		t.Errorf("read %d from %v, %v", n, from, err)
	}
	c = New(&flaky{failures: 1 << 30}, Config{})
	if _, _, err := c.ReadFromAddrPort(make([]byte, 100)); err == nil {
		t.Error("a socket that is broken for good was read for ever")
	}
}

func TestConnReadsAndWritesWithoutAllocating(t *testing.T) {
	c, sender := listen(t, Config{}), listen(t, Config{})
	out, buf := first(0x80, 1200), make([]byte, 1500)
	to := c.LocalAddrPort()
	got := testing.AllocsPerRun(200, func() {
		if _, err := sender.WriteToAddrPort(out, to); err != nil {
			t.Fatal(err)
		}
		sender.Flush()
		if _, _, err := c.ReadFromAddrPort(buf); err != nil {
			t.Fatal(err)
		}
	})
	if got > 0 {
		t.Errorf("%v allocations a datagram", got)
	}
}
