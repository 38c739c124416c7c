package gateway

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"

	"parley/signal/wire"
)

func TestWhatTheServerReadAheadComesFirst(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	m := newMeter(here, []byte("ahead"))
	m.buffers()
	if !m.buffered() {
		t.Error("nothing is ahead")
	}
	go there.Write([]byte(" and behind"))
	got := make([]byte, len("ahead and behind"))
	if _, err := io.ReadFull(m, got); err != nil || string(got) != "ahead and behind" {
		t.Errorf("got %q, %v", got, err)
	}
	if m.buffered() {
		t.Error("something is left")
	}
}

// tcp are both ends of a connection over loopback.
func tcp(t *testing.T) (here, there net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	there, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	here, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close(); there.Close() })
	return here, there
}

func TestAMeterLendsItsBufferWhileThereIsSomethingInIt(t *testing.T) {
	here, there := tcp(t)
	m := newMeter(here, nil)
	m.buffers()
	if _, err := there.Write([]byte("two parts")); err != nil {
		t.Fatal(err)
	}
	m.await()
	b := make([]byte, 4)
	if n, err := m.Read(b); n != 4 || err != nil || m.lent == nil || !m.buffered() {
		t.Fatalf("%d bytes, %v, lent %v", n, err, m.lent != nil)
	}
	if n, err := m.Read(make([]byte, 16)); n != 5 || err != nil || m.lent != nil || m.buffered() {
		t.Errorf("%d bytes, %v, lent %v", n, err, m.lent != nil)
	}
	if m.came.Load() != 9 {
		t.Errorf("%d bytes counted", m.came.Load())
	}
	there.Close()
	m.await()
	if _, err := m.Read(b); !errors.Is(err, io.EOF) || m.lent != nil {
		t.Errorf("at the end: %v, lent %v", err, m.lent != nil)
	}
}

func TestNobodyWaitsForBytesOfAClosedConnection(t *testing.T) {
	here, _ := tcp(t)
	m := newMeter(here, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.await()
	}()
	here.Close()
	<-done
	m.await() // nor begins to
}

func TestAMeterReadsNoMoreThanAMessageAndWhatMayStandAroundIt(t *testing.T) {
	here, there := tcp(t)
	m := newMeter(here, nil)
	go func() {
		for b := make([]byte, 1<<10); ; {
			if _, err := there.Write(b); err != nil {
				return
			}
		}
	}()
	n, err := io.Copy(io.Discard, struct{ io.Reader }{m})
	if !errors.Is(err, errFlood) || n < wire.MaxMessage || n > wire.MaxMessage+besideBurst+64<<10 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestAMessageIsOneFrameWhateverItsSize(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 1<<16 - 1, 1 << 16, wire.MaxAnswer} {
		out := append(make([]byte, headBytes), bytes.Repeat([]byte{'x'}, size)...)
		f := framed(out)
		var n, head int
		switch f[1] {
		case 126:
			n, head = int(binary.BigEndian.Uint16(f[2:])), 4
		case 127:
			n, head = int(binary.BigEndian.Uint64(f[2:])), 10
		default:
			n, head = int(f[1]), 2
		}
		if f[0] != 0x81 || n != size || len(f) != head+size || head > 2 && (size < 126 || head == 10 && size < 1<<16) {
			t.Errorf("%d bytes: head % x, %d bytes behind it", size, f[:head], len(f)-head)
		}
	}
}

func TestPositionsAreKeptInOrder(t *testing.T) {
	var m positions
	for _, id := range []string{"c", "a", "d", "b", "a"} {
		m.set(id, position{pushed: uint64(len(m.all))})
	}
	m.drop("c")
	m.drop("x")
	if len(m.all) != 3 || m.all[0].id != "a" || m.all[2].id != "d" {
		t.Errorf("got %+v", m.all)
	}
	if p, known := m.get("a"); !known || p.pushed != 4 {
		t.Errorf("a is %+v, %v", p, known)
	}
	if _, known := m.get("c"); known {
		t.Error("c is still known")
	}
}
