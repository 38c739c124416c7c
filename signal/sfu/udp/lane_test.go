//go:build linux

package udp

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// call is one system call: the datagrams that it made.
type call struct {
	to    netip.AddrPort
	sizes []int
}

// kernel stands in for the system call and keeps what it was given.
type kernel struct {
	mu    sync.Mutex
	fail  func(segmented bool, to netip.AddrPort) error
	calls []call
	sent  [][]byte // datagrams, in order
}

func (k *kernel) send(b, control []byte, to netip.AddrPort) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		if err := k.fail(control != nil, to); err != nil {
			return err
		}
	}
	size := len(b)
	if control != nil {
		size = segmentOf(control)
	}
	c := call{to: to}
	for chunk := range slices.Chunk(b, size) {
		c.sizes = append(c.sizes, len(chunk))
		k.sent = append(k.sent, bytes.Clone(chunk))
	}
	k.calls = append(k.calls, c)
	return nil
}

// faked is a Conn that segments, over a kernel that keeps.
func faked(t *testing.T, cfg Config) (*Conn, *kernel) {
	t.Helper()
	k := &kernel{}
	c := listen(t, cfg)
	c.send = k.send
	c.segments.Store(true)
	return c, k
}

// media is an RTP packet of a length, told apart by n.
func media(size, n int) []byte {
	b := bytes.Repeat([]byte{byte(n)}, size)
	b[0], b[1] = 0x80, 96
	return b
}

var (
	alice = netip.MustParseAddrPort("192.0.2.1:4000")
	bob   = netip.MustParseAddrPort("192.0.2.2:4000")
)

func write(t testing.TB, c *Conn, b []byte, to netip.AddrPort) {
	t.Helper()
	if n, err := c.WriteToAddrPort(b, to); err != nil || n != len(b) {
		t.Fatalf("wrote %d of %d: %v", n, len(b), err)
	}
}

func TestEqualLengthsToOneDestinationAreOneSystemCall(t *testing.T) {
	for name, c := range map[string]struct {
		sizes []int
		want  [][]int
	}{
		"one":                   {[]int{900}, [][]int{{900}}},
		"equal":                 {[]int{900, 900, 900}, [][]int{{900, 900, 900}}},
		"a shorter one is last": {[]int{900, 900, 100, 900}, [][]int{{900, 900, 100}, {900}}},
		"a longer one begins":   {[]int{953, 954, 954}, [][]int{{953}, {954, 954}}},
		"ever shorter":          {[]int{900, 800, 700}, [][]int{{900, 800}, {700}}},
		"ever longer":           {[]int{700, 800, 900}, [][]int{{700}, {800}, {900}}},
	} {
		t.Run(name, func(t *testing.T) {
			conn, k := faked(t, Config{})
			for i, size := range c.sizes {
				write(t, conn, media(size, i), alice)
			}
			conn.Lane(alice).Flush()
			var got [][]int
			for _, x := range k.calls {
				got = append(got, x.sizes)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("system calls %v, want %v", got, c.want)
			}
			for i, size := range c.sizes {
				if !bytes.Equal(k.sent[i], media(size, i)) {
					t.Errorf("datagram %d is not what was written", i)
				}
			}
		})
	}
}

func TestOneSystemCallTakesNoMoreThanTheKernelDoes(t *testing.T) {
	for _, c := range []struct{ size, count, first int }{{100, 70, MaxSegments}, {1200, 60, maxGathered / 1200}} {
		conn, k := faked(t, Config{})
		for i := range c.count {
			write(t, conn, media(c.size, i), alice)
		}
		conn.Flush()
		if len(k.calls) != 2 || len(k.calls[0].sizes) != c.first || len(k.calls[1].sizes) != c.count-c.first {
			t.Errorf("%d × %d: calls %v", c.count, c.size, k.calls)
		}
	}
}

func TestAnotherDestinationOfTheLaneEndsAFrame(t *testing.T) {
	conn, k := faked(t, Config{})
	other := bob
	for port := uint16(1); conn.Lane(other) != conn.Lane(alice); port++ {
		other = netip.AddrPortFrom(bob.Addr(), port)
	}
	for i, to := range []netip.AddrPort{alice, alice, other, alice} {
		write(t, conn, media(500, i), to)
	}
	conn.Lane(alice).Flush()
	want := fmt.Sprint([]call{{alice, []int{500, 500}}, {other, []int{500}}, {alice, []int{500}}})
	if got := fmt.Sprint(k.calls); got != want {
		t.Errorf("calls %v, want %v", got, want)
	}
}

func TestFlushOfOneLaneLeavesTheOthersAlone(t *testing.T) {
	conn, k := faked(t, Config{})
	if conn.Lane(alice) == conn.Lane(bob) {
		t.Fatal("the destinations share a lane")
	}
	write(t, conn, media(500, 1), alice)
	write(t, conn, media(500, 2), bob)
	conn.Lane(alice).Flush()
	if len(k.calls) != 1 || k.calls[0].to != alice {
		t.Errorf("calls %v", k.calls)
	}
	conn.Flush()
	if len(k.calls) != 2 {
		t.Errorf("calls %v after all lanes were flushed", k.calls)
	}
	var none *Lane
	none.Flush()
}

func TestOnlyMediaIsHeldBackAndNothingOvertakesIt(t *testing.T) {
	rtcp := first(0x81, 60)
	rtcp[1] = 206
	for name, direct := range map[string][]byte{"STUN": stun(8), "DTLS": first(22, 60), "RTCP": rtcp} {
		conn, k := faked(t, Config{})
		write(t, conn, media(500, 1), alice)
		if len(k.calls) != 0 {
			t.Errorf("%s: media was sent before the flush", name)
		}
		write(t, conn, direct, alice)
		if len(k.sent) != 2 || !bytes.Equal(k.sent[0], media(500, 1)) || !bytes.Equal(k.sent[1], direct) {
			t.Errorf("%s: calls %v", name, k.calls)
		}
	}
}

func TestARefusalOfSegmentsIsForGoodAndLosesNothing(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EINVAL, syscall.EIO, syscall.ENOPROTOOPT, syscall.EOPNOTSUPP} {
		t.Run(errno.Error(), func(t *testing.T) {
			var fell []error
			conn, k := faked(t, Config{FellBack: func(err error) { fell = append(fell, err) }})
			k.fail = func(segmented bool, _ netip.AddrPort) error {
				if segmented {
					return errno
				}
				return nil
			}
			for i := range 5 {
				write(t, conn, media(500, i), alice)
			}
			conn.Flush()
			write(t, conn, media(500, 5), alice) // not held any more
			if conn.Segments() || len(fell) != 1 || !errors.Is(fell[0], errno) {
				t.Errorf("segments %v, told %v", conn.Segments(), fell)
			}
			for i := range 6 {
				if !bytes.Equal(k.sent[i], media(500, i)) {
					t.Errorf("datagram %d is not what was written", i)
				}
			}
			if len(k.sent) != 6 || len(k.calls) != 6 {
				t.Errorf("%d datagrams by %d calls", len(k.sent), len(k.calls))
			}
		})
	}
}

func TestANarrowRouteCostsOthersNothing(t *testing.T) {
	conn, k := faked(t, Config{})
	k.fail = func(segmented bool, to netip.AddrPort) error {
		if segmented && to == bob {
			return syscall.EINVAL
		}
		return nil
	}
	for _, to := range []netip.AddrPort{alice, bob, alice} {
		write(t, conn, media(500, 1), to)
		write(t, conn, media(500, 2), to)
		conn.Lane(to).Flush()
	}
	if !conn.Segments() || len(k.calls) != 4 || len(k.sent) != 6 {
		t.Errorf("segments %v, calls %v", conn.Segments(), k.calls)
	}
	k.fail = func(bool, netip.AddrPort) error { return syscall.EIO } // a device that can't is everybody's
	write(t, conn, media(500, 1), alice)
	write(t, conn, media(500, 2), alice)
	conn.Flush()
	if conn.Segments() {
		t.Error("a device that can't do checksums is asked again")
	}
}

func TestWhatTheKernelDoesNotTakeIsCountedAndDropped(t *testing.T) {
	sent, lost := 0, 0
	conn, k := faked(t, Config{Sent: func(n int, err error) {
		if sent += n; err != nil {
			lost += n
		}
	}})
	k.fail = func(bool, netip.AddrPort) error { return syscall.ENOBUFS }
	write(t, conn, media(500, 1), alice)
	write(t, conn, media(500, 2), alice)
	conn.Flush()
	k.fail = nil
	write(t, conn, media(500, 3), alice)
	conn.Flush()
	if sent != 3 || lost != 2 || len(k.sent) != 1 || !conn.Segments() {
		t.Errorf("sent %d, lost %d, %v", sent, lost, k.calls)
	}
}

func TestPlainConnsHoldNothingBack(t *testing.T) {
	slow := &sink{}
	for name, conn := range map[string]*Conn{"switched off": listen(t, Config{Plain: true}), "virtual": New(slow, Config{})} {
		if conn.Segments() {
			t.Errorf("%s: it segments", name)
		}
		write(t, conn, media(100, 1), listen(t, Config{}).LocalAddrPort())
	}
	if slow.count != 1 {
		t.Errorf("%d datagrams reached the virtual network", slow.count)
	}
}

// sink is a socket of a virtual network.
type sink struct {
	flaky
	count int
}

func (s *sink) WriteTo(b []byte, _ net.Addr) (int, error) {
	s.count++
	return len(b), nil
}

// read takes the next datagram within a few seconds.
func read(t *testing.T, c *Conn) []byte {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2000)
	n, _, err := c.ReadFromAddrPort(b)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return b[:n]
}

func TestRealSocketsDeliverWhatWasWritten(t *testing.T) {
	for _, c := range []struct{ name, network, from, to string }{
		{"IPv4", "udp4", "127.0.0.1:0", "127.0.0.1:0"},
		{"IPv6", "udp6", "[::1]:0", "[::1]:0"},
		{"IPv4 from an IPv6 socket", "udp", "[::]:0", "127.0.0.1:0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calls, datagrams int
			sender := listenAt(t, c.network, c.from, Config{Sent: func(n int, err error) {
				if calls, datagrams = calls+1, datagrams+n; err != nil {
					t.Errorf("send: %v", err)
				}
			}})
			network := "udp4"
			if c.name == "IPv6" {
				network = "udp6"
			}
			a, b := listenAt(t, network, c.to, Config{}), listenAt(t, network, c.to, Config{})
			sizes := []int{954, 954, 954, 300, 1100, 1100, 40, 1200}
			for _, to := range []*Conn{a, b} {
				for i, size := range sizes {
					write(t, sender, media(size, i), to.LocalAddrPort())
				}
			}
			sender.Flush()
			for _, to := range []*Conn{a, b} {
				for i, size := range sizes {
					if got := read(t, to); !bytes.Equal(got, media(size, i)) {
						t.Errorf("datagram %d: %d bytes, want %d", i, len(got), size)
					}
				}
			}
			if want := 6; datagrams != 2*len(sizes) || (sender.Segments() && calls != want) {
				t.Errorf("%d datagrams by %d calls, want %d", datagrams, calls, want)
			}
		})
	}
}

func TestWritersOfManyDestinationsKeepTheirOrder(t *testing.T) {
	const writers, frames, packets = 8, 50, 4
	sender := listen(t, Config{})
	to := make([]*Conn, writers)
	for i := range to {
		to[i] = listen(t, Config{})
	}
	var wg sync.WaitGroup
	for _, c := range to {
		wg.Go(func() {
			at := c.LocalAddrPort()
			for f := range frames {
				for i := range packets {
					if _, err := sender.WriteToAddrPort(media(200, f*packets+i), at); err != nil {
						t.Errorf("write: %v", err)
					}
				}
				if f%7 == 0 {
					sender.Flush()
				}
				sender.Lane(at).Flush()
			}
		})
	}
	wg.Wait()
	for i, c := range to {
		for n := range frames * packets {
			if got := read(t, c); !bytes.Equal(got, media(200, n)) {
				t.Fatalf("destination %d: datagram %d is another, %d", i, n, got[2])
			}
		}
	}
}

func TestGatheringAllocatesNothing(t *testing.T) {
	sender, to := listen(t, Config{}), listen(t, Config{})
	at, b := to.LocalAddrPort(), media(1100, 1)
	frame := func() {
		for range 10 {
			write(t, sender, b, at)
		}
		sender.Lane(at).Flush()
	}
	frame()
	if n := testing.AllocsPerRun(100, frame); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// BenchmarkSend is what a datagram costs to send to a socket on loopback, ten to a frame.
func BenchmarkSend(b *testing.B) {
	for name, plain := range map[string]bool{"segments": false, "plain": true} {
		b.Run(name, func(b *testing.B) {
			sender, to := listen(b, Config{Plain: plain}), listen(b, Config{})
			at, datagram := to.LocalAddrPort(), media(1100, 1)
			b.ReportAllocs()
			for b.Loop() {
				for range 10 {
					write(b, sender, datagram, at)
				}
				sender.Lane(at).Flush()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10, "ns/datagram")
		})
	}
}
