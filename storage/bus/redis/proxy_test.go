package redis

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between a node and Redis.
type proxy struct {
	addr    string
	refuses atomic.Bool

	mu    sync.Mutex
	conns []*proxied
}

type proxied struct {
	a, b      net.Conn
	swallowed atomic.Bool
}

func newProxy(t testing.TB, to string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String()}
	var pumps sync.WaitGroup
	pumps.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.take(c, to, &pumps)
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.refuse(true)
		p.cut()
		pumps.Wait()
	})
	return p
}

func (p *proxy) take(c net.Conn, to string, pumps *sync.WaitGroup) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d, err := net.Dial("tcp", to)
	if err != nil || p.refuses.Load() {
		c.Close()
		if err == nil {
			d.Close()
		}
		return
	}
	both := &proxied{a: c, b: d}
	p.conns = append(p.conns, both)
	pumps.Go(func() { both.pump(c, d) })
	pumps.Go(func() { both.pump(d, c) })
}

func (c *proxied) pump(from io.ReadCloser, to io.WriteCloser) {
	defer from.Close()
	defer to.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if c.swallowed.Load() {
			continue
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// refuse says whether new connections are closed at once.
func (p *proxy) refuse(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses.Store(yes)
}

// swallow lets the connections that there are live without carrying anything.
func (p *proxy) swallow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.swallowed.Store(true)
	}
}

// cut ends the connections that there are.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.a.Close()
		c.b.Close()
	}
	p.conns = nil
}
