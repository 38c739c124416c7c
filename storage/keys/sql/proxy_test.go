package sql

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// proxy stands between a vault and its database and breaks the connection at a chosen statement: before the database
// sees it, or when its answer comes back. From then on nothing passes until heal.
type proxy struct {
	listener net.Listener
	target   string
	work     sync.WaitGroup

	mu      sync.Mutex
	trigger string
	forward bool
	broken  bool
	conns   map[net.Conn]bool
}

// newProxy returns the proxy and the URL that leads through it. Statements pass it in clear and in one piece once they
// were seen before.
func newProxy(t testing.TB, url string) (*proxy, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(url, "@")
	host, path, _ := strings.Cut(rest, "/")
	p := &proxy{listener: l, target: host, conns: map[net.Conn]bool{}}
	p.work.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.cut()
		p.work.Wait()
	})
	return p, "postgres://parley@" + l.Addr().String() + "/" + path + "&default_query_exec_mode=cache_describe"
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil || !p.admit(client, server) {
			client.Close()
			continue
		}
		var swallow sync.Once
		armed := make(chan struct{})
		p.work.Go(func() { p.requests(client, server, func() { swallow.Do(func() { close(armed) }) }) })
		p.work.Go(func() { p.answers(client, server, armed) })
	}
}

func (p *proxy) admit(client, server net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken {
		server.Close()
		return false
	}
	p.conns[client], p.conns[server] = true, true
	return true
}

func (p *proxy) requests(client, server net.Conn, swallow func()) {
	defer client.Close()
	defer server.Close()
	buf := make([]byte, 1<<20)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		hit, forward := p.hits(buf[:n])
		if hit && !forward {
			p.cut()
			return
		}
		if hit {
			swallow()
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) answers(client, server net.Conn, armed chan struct{}) {
	defer client.Close()
	defer server.Close()
	buf := make([]byte, 1<<16)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-armed:
			p.cut()
			return
		default:
		}
		if _, err := io.Copy(client, bytes.NewReader(buf[:n])); err != nil {
			return
		}
	}
}

func (p *proxy) hits(b []byte) (hit, forward bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trigger == "" || !bytes.Contains(b, []byte(p.trigger)) {
		return false, false
	}
	p.trigger, p.broken = "", true
	return true, p.forward
}

// breakAt arms the proxy.
func (p *proxy) breakAt(statement string, forward bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trigger, p.forward = statement, forward
}

// cut ends all connections and lets no new one through.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = true
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
}

func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trigger, p.broken = "", false
}
