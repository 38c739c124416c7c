package engines

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startTime is how long an engine may take to answer.
const startTime = 60 * time.Second

// keeper runs an engine until its standard input says stop, or ends because the starting process did; then the data go.
const keeper = `
"$@" >>"$ENGINE_LOG" 2>&1 &
engine=$!
if read -r how; then
  kill -s "$how" $engine; wait $engine
else
  kill -KILL $engine; wait $engine; rm -rf "$ENGINE_DIR"
fi
`

// Process is one engine. One goroutine uses it.
type Process struct {
	Addr string // host:port
	Dir  string // its data; removed with it

	command []string
	env     []string
	owner   *syscall.Credential
	answers func(context.Context) error

	mu    sync.Mutex
	shell *exec.Cmd
	pipe  *os.File
}

// newProcess makes the folder of an engine and finds a port for it. Nothing runs yet.
func newProcess(name string, owner *syscall.Credential) (*Process, error) {
	return newProcessIn(scratch(), name, owner)
}

func newProcessIn(parent, name string, owner *syscall.Credential) (*Process, error) {
	dir, err := os.MkdirTemp(parent, "parley-"+name+"-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	if owner != nil {
		err = os.Chown(dir, int(owner.Uid), int(owner.Gid))
	}
	addr, freeErr := freeAddr()
	if err := errors.Join(err, freeErr); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", name, err)
	}
	return &Process{Addr: addr, Dir: dir, owner: owner}, nil
}

// scratch is a folder in memory where there is one: engines sync to disk at every step. Other users may pass it.
func scratch() string {
	if f, err := os.CreateTemp("/dev/shm", "parley-try-"); err == nil {
		f.Close()
		os.Remove(f.Name())
		return "/dev/shm"
	}
	return "/tmp"
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (p *Process) port() string {
	_, port, _ := net.SplitHostPort(p.Addr)
	return port
}

// Start starts the engine and waits until it answers.
func (p *Process) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start engine: %w", err)
	}
	defer read.Close()
	c := exec.Command("sh", append([]string{"-c", keeper, "engine"}, p.command...)...)
	c.Stdin, c.Dir = read, p.Dir
	c.Env = append(os.Environ(), append(p.env, "ENGINE_LOG="+p.logFile(), "ENGINE_DIR="+p.Dir, "HOME="+p.Dir, "LC_ALL=C.UTF-8")...)
	// A group of its own: an interrupt at the keyboard is for the tests, which end the engine themselves.
	c.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner, Setpgid: true}
	if err := c.Start(); err != nil {
		return errors.Join(fmt.Errorf("start engine: %w", err), write.Close())
	}
	p.shell, p.pipe = c, write
	return p.wait(ctx)
}

func (p *Process) logFile() string { return filepath.Join(p.Dir, "engine.log") }

func (p *Process) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(p.logFile())
			return fmt.Errorf("%s does not answer: %w\n%s", p.command[0], err, tail(log))
		case <-tick.C:
		}
	}
}

func tail(log []byte) string { return string(log[max(0, len(log)-2000):]) }

// Kill ends the engine at once, as a crash does; Stop lets it end in order. Both keep its data for Start.
func (p *Process) Kill() error { return p.signal("KILL") }

// Stop ends the engine in order.
func (p *Process) Stop() error { return p.signal("INT") }

func (p *Process) signal(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shell == nil {
		return nil
	}
	_, err := p.pipe.WriteString(name + "\n")
	_ = p.shell.Wait() // the shell tells the engine's own status, which is a signal's
	err = errors.Join(err, p.pipe.Close())
	p.shell = nil
	if err != nil {
		return fmt.Errorf("end engine: %w", err)
	}
	return nil
}

// Close ends the engine and removes its data.
func (p *Process) Close() error {
	p.mu.Lock()
	running := p.shell
	p.shell = nil
	p.mu.Unlock()
	if running != nil {
		err := p.pipe.Close()
		_ = running.Wait()
		if err != nil {
			return fmt.Errorf("close engine: %w", err)
		}
	}
	return os.RemoveAll(p.Dir)
}

// dial answers when somebody listens.
func (p *Process) dial(ctx context.Context) error {
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", p.Addr)
	if err != nil {
		return err
	}
	return c.Close()
}

// find looks for a program in the folders, then on the path.
func find(name string, patterns ...string) (string, error) {
	for _, pattern := range patterns {
		found, _ := filepath.Glob(filepath.Join(pattern, name))
		if len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: %s", ErrMissing, name)
	}
	return path, nil
}

// ErrMissing says that an engine is not installed.
var ErrMissing = errors.New("engine is not installed")

// otherUser is who runs what refuses to run as root.
func otherUser() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
	}
	return nil, fmt.Errorf("%w: no user to run it as", ErrMissing)
}

// run runs a preparing command of an engine.
func (p *Process) run(ctx context.Context, command ...string) error {
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Dir, c.SysProcAttr = p.Dir, &syscall.SysProcAttr{Credential: p.owner}
	c.Env = append(os.Environ(), "HOME="+p.Dir, "LC_ALL=C.UTF-8")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, tail(out))
	}
	return nil
}
