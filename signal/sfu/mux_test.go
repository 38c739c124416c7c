package sfu

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/pion/stun/v4"
)

// twoConns are what two candidates of one ICE agent get.
func twoConns(t *testing.T, m *mux) (*sharedConn, *sharedConn) {
	t.Helper()
	var conns []*sharedConn
	for range 2 {
		c, err := m.getConn("ufrag", m.local, nil)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c.(*sharedConn))
	}
	return conns[0], conns[1]
}

func TestOneCandidateReadsAndTheNextTakesOver(t *testing.T) {
	s := openSFU(t, Config{UDP: loopback})
	m := s.workers[0].mux
	first, second := twoConns(t, m)
	client, err := net.Dial("udp4", s.Ports()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	knock, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("ufrag:x"))
	if err != nil {
		t.Fatal(err)
	}
	read := func(c *sharedConn) {
		t.Helper()
		if _, err := client.Write(knock.Raw); err != nil {
			t.Fatal(err)
		}
		n, from, err := c.ReadFromAddrPort(make([]byte, 1500))
		if err != nil || n != len(knock.Raw) || from.String() != client.LocalAddr().String() {
			t.Errorf("read %d from %v, %v", n, from, err)
		}
	}
	read(first)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, _, err := second.ReadFromAddrPort(make([]byte, 1500)); err != nil {
			t.Errorf("the second reader: %v", err)
		}
	})
	read(first) // the second one waits
	if err := first.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := client.Write(knock.Raw); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if _, _, err := first.ReadFrom(make([]byte, 1500)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	_ = second.Close()
	_ = second.Close()
	if len(m.turns) != 0 {
		t.Errorf("%d turns are left", len(m.turns))
	}
}

func TestClosingACandidateThatWaitsEndsItsReading(t *testing.T) {
	s := openSFU(t, Config{UDP: loopback})
	first, second := twoConns(t, s.workers[0].mux)
	if !first.mayRead() {
		t.Fatal("the first may not read")
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, _, err := second.ReadFrom(make([]byte, 1500)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read: %v", err)
		}
	})
	_ = second.Close()
	wg.Wait()
	if _, err := first.WriteToAddrPort([]byte("x"), netip.MustParseAddrPort("127.0.0.1:9")); err != nil {
		t.Errorf("the first is harmed: %v", err)
	}
	_ = first.Close()
}
