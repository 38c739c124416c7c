package clustertest

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"parley/internal/cluster"
)

// Authority makes a new authority and returns its folder.
func Authority(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := cluster.MakeAuthority(dir, 1e6*time.Hour); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Credentials makes credentials of the authority for one node and returns their folder.
func Credentials(t testing.TB, authority string) string {
	t.Helper()
	dir := t.TempDir()
	if err := cluster.MakeNode(authority, dir, 1e6*time.Hour); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Relay is a way to an address that a test can let swallow everything, as a broken network does: connections stay open, and
// nothing comes through.
type Relay struct {
	to       string
	listener net.Listener
	work     sync.WaitGroup

	mu      sync.Mutex
	passing chan struct{} // closed while bytes pass
	conns   []net.Conn
	closed  bool
}

// NewRelay listens on loopback until the test ends.
func NewRelay(t testing.TB, to string) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{to: to, listener: l, passing: make(chan struct{})}
	close(r.passing)
	r.work.Go(r.accept)
	t.Cleanup(r.close)
	return r
}

// Addr is where the relay listens.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Swallow stops all bytes both ways, or lets them pass again.
func (r *Relay) Swallow(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.passing:
		if yes {
			r.passing = make(chan struct{})
		}
	default:
		if !yes {
			close(r.passing)
		}
	}
}

func (r *Relay) accept() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.work.Go(func() { r.serve(in) })
	}
}

func (r *Relay) serve(in net.Conn) {
	if !r.keep(in) {
		return
	}
	out, err := net.Dial("tcp", r.to)
	if err != nil {
		in.Close()
		return
	}
	if !r.keep(out) {
		return
	}
	r.work.Go(func() { r.pass(in, out) })
	r.pass(out, in)
}

// keep notes the connection for the end; false when that has come.
func (r *Relay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		c.Close()
		return false
	}
	r.conns = append(r.conns, c)
	return true
}

func (r *Relay) pass(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		r.mu.Lock()
		passing := r.passing
		r.mu.Unlock()
		<-passing
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if err != io.EOF {
				from.Close()
			}
			return
		}
	}
}

func (r *Relay) close() {
	r.Swallow(false)
	r.listener.Close()
	r.mu.Lock()
	r.closed = true
	for _, c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.work.Wait()
}
