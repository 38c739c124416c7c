package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"parley/internal/testenv/engines"
)

// nodes are servers as processes: one that is alone with everything embedded, or two on engines of the test's own. Those it
// may kill and start again.
type nodes struct {
	t        *testing.T
	postgres *engines.Postgres // as redis and minio nil with one node
	redis    *engines.Process
	minio    *engines.Minio
	program  string
	settings []string
	all      []*node
}

// node is one server. A test's goroutine starts and ends it; any may ask where it answers.
type node struct {
	data string
	log  string
	addr atomic.Pointer[string] // nil while it is not running
	at   ready                  // of the last start
	cmd  *exec.Cmd
	out  sync.WaitGroup
}

// embedded are the settings of a node that needs nothing beside itself.
var embedded = []string{"dev", "--json", "--http", "localhost:0", "--admin", "localhost:0", "--udp", "127.0.0.1:0", "--log-level", "debug"}

// startAlone starts one node; what is still running when the test ends is killed.
func startAlone(t *testing.T) *nodes {
	t.Helper()
	n := &nodes{t: t, settings: embedded}
	n.program = n.link()
	n.add()
	return n
}

// startNodes starts the engines and two nodes. The second node trusts the first one's demo key.
func startNodes(t *testing.T) *nodes {
	t.Helper()
	n := &nodes{t: t, postgres: engines.OwnPostgreSQL(t), redis: engines.Redis(t), minio: engines.MinIO(t)}
	n.program = n.link()
	n.settings = slices.Concat(embedded, n.engineSettings())
	n.add()
	n.add()
	return n
}

// add starts one more node.
func (n *nodes) add() {
	n.t.Helper()
	dir, i := n.t.TempDir(), len(n.all)
	one := &node{data: filepath.Join(dir, "data"), log: filepath.Join(dir, "log")}
	err := os.Mkdir(one.data, 0o700)
	if err == nil && i > 0 {
		var key []byte
		if key, err = os.ReadFile(filepath.Join(n.all[0].data, "dev-key.json")); err == nil {
			err = os.WriteFile(filepath.Join(one.data, "dev-key.json"), key, 0o600)
		}
	}
	if err != nil {
		n.t.Fatal(err)
	}
	n.all = append(n.all, one)
	n.t.Cleanup(func() {
		_ = n.end(i, syscall.SIGKILL)
		n.showLog(i)
	})
	n.start(i)
}

// link gives this test's program the name under which it is the server.
func (n *nodes) link() string {
	self, err := os.Executable()
	name := filepath.Join(n.t.TempDir(), "parley")
	if err == nil {
		err = os.Symlink(self, name)
	}
	if err != nil {
		n.t.Fatal(err)
	}
	return name
}

func (n *nodes) engineSettings() []string {
	n.t.Helper()
	ctx := n.t.Context()
	database, err1 := n.postgres.Fresh(ctx)
	vault, err2 := n.postgres.Fresh(ctx)
	writer, reader := n.minio.Buckets(n.t, "parley")
	folder := n.t.TempDir()
	out, err3 := exec.Command("sh", "../../deploy/certificates.sh", folder).CombinedOutput()
	root := filepath.Join(folder, "root.key")
	err4 := os.WriteFile(root, []byte("parley root key v1 "+strings.Repeat("5c", 32)+"\n"), 0o600)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		n.t.Fatalf("settings: %v\n%s", err, out)
	}
	return []string{"--database", database, "--vault", vault, "--root-key", root, "--redis", "redis://" + n.redis.Addr,
		"--s3", n.minio.URL("parley"), "--region", n.minio.Region,
		"--s3-writer", writer.Key + ":" + writer.Secret, "--s3-reader", reader.Key + ":" + reader.Secret,
		"--cluster", "127.0.0.1:0", "--cluster-tls", filepath.Join(folder, "node")}
}

// start starts a node and returns once it is ready.
func (n *nodes) start(i int) {
	n.t.Helper()
	one := n.all[i]
	log, err := os.OpenFile(one.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		n.t.Fatal(err)
	}
	defer log.Close()
	one.cmd = exec.Command(n.program, append(slices.Clone(n.settings), "--data", one.data)...)
	one.cmd.Stderr = log
	out, err := one.cmd.StdoutPipe()
	if err == nil {
		err = one.cmd.Start()
	}
	if err != nil {
		n.t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &one.at)
	}
	one.out.Go(func() { _, _ = io.Copy(io.Discard, lines) })
	if err != nil {
		n.t.Fatalf("start node %d: %v, %v", i, err, n.end(i, syscall.SIGKILL))
	}
	addr := strings.TrimPrefix(one.at.HTTP, "http://")
	one.addr.Store(&addr)
}

// end sends a signal, which reaches a paused process as well, and waits; what it returns is how the process ended.
func (n *nodes) end(i int, sig syscall.Signal) error {
	one := n.all[i]
	if one.cmd == nil {
		return nil
	}
	one.addr.Store(nil)
	_ = one.cmd.Process.Signal(sig) // it may be gone
	_ = one.cmd.Process.Signal(syscall.SIGCONT)
	return one.wait()
}

func (o *node) wait() error {
	o.out.Wait()
	err := o.cmd.Wait()
	o.cmd = nil
	return err
}

// showLog shows the end of a node's log when the test has failed.
func (n *nodes) showLog(i int) {
	if n.t.Failed() {
		b, err := os.ReadFile(n.all[i].log)
		n.t.Logf("log of node %d (%v):\n%s", i, err, b[max(0, len(b)-8000):])
	}
}

// through dials the node that pick names, or another one when that is not running, on connections that line may spoil.
func (n *nodes) through(pick func() int, l *line) *http.Client {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		first := pick()
		for i := range n.all {
			if addr := n.all[(first+i)%len(n.all)].addr.Load(); addr != nil {
				conn, err := (&net.Dialer{Control: l.narrow}).DialContext(ctx, network, *addr)
				if err != nil {
					return nil, err
				}
				return l.use(conn), nil
			}
		}
		return nil, errors.New("no node is running")
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}
