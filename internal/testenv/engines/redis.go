package engines

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// StartRedis starts a Redis without persistence: after Kill and Start it has lost everything. More settings go on its
// command line as "--name", "value".
func StartRedis(ctx context.Context, settings ...string) (*Process, error) {
	server, err := find("redis-server")
	if err != nil {
		return nil, err
	}
	p, err := newProcess("redis", nil)
	if err != nil {
		return nil, err
	}
	p.command = append([]string{server, "--bind", "127.0.0.1", "--port", p.port(), "--save", "", "--appendonly", "no", "--dir", p.Dir}, settings...)
	p.answers = p.ping
	return p, p.Start(ctx)
}

// startSentinel starts a Sentinel that watches the master under the name parley. It calls a failover quickly.
func startSentinel(ctx context.Context, master *Process) (*Process, error) {
	server, err := find("redis-sentinel")
	if err != nil {
		return nil, err
	}
	p, err := newProcess("sentinel", nil)
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(p.Dir, "sentinel.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nsentinel monitor parley 127.0.0.1 %s 1\n"+
		"sentinel down-after-milliseconds parley 500\nsentinel failover-timeout parley 3000\n", p.port(), p.Dir, master.port())
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("configure sentinel: %w", err)
	}
	p.command = []string{server, conf}
	p.answers = p.ping
	return p, p.Start(ctx)
}

// ping asks as redis-cli does; a server that wants TLS or a password answers something too.
func (p *Process) ping(ctx context.Context) error {
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", p.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return err
	}
	if strings.HasPrefix(line, "-LOADING") {
		return fmt.Errorf("redis: %s", line)
	}
	return nil
}

// Redis starts a Redis for the test.
func Redis(t testing.TB, settings ...string) *Process {
	t.Helper()
	p, err := StartRedis(t.Context(), settings...)
	need(t, err)
	closed(t, p)
	return p
}

// Sentinel starts a Sentinel for the test; the name of the master is parley.
func Sentinel(t testing.TB, master *Process) *Process {
	t.Helper()
	p, err := startSentinel(t.Context(), master)
	need(t, err)
	closed(t, p)
	return p
}
