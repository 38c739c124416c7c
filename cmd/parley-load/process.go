package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/pprof"
	"time"
)

// childVariable marks a process that was started by startServer: it ends with its parent.
const childVariable = "PARLEY_LOAD_CHILD"

// untilParentEnds is a context that ends when standard input does: the pipe closes when the parent ends, however it
// ends. What the parent writes can be read from childInput.
func untilParentEnds(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	r, w := io.Pipe()
	childInput = r
	go func() {
		defer cancel()
		_, err := io.Copy(w, os.Stdin)
		w.CloseWithError(err)
	}()
	return ctx
}

// childInput is what the parent writes to this process, which is a child.
var childInput io.Reader

// process is a server process of ours. Its methods are for one goroutine, but for send.
type process struct {
	cmd   *exec.Cmd
	input io.WriteCloser
	lines *bufio.Reader
	cpu   int // that it is pinned to, -1 when it is not
}

// ready is the first line that a server process prints.
type ready struct {
	Ready json.RawMessage `json:"ready"`
}

// sayReady tells the parent that the server serves; about is decoded by startServer.
func sayReady(out io.Writer, about any) error {
	b, err := json.Marshal(about)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return json.NewEncoder(out).Encode(ready{b})
}

// startServer starts this program again with a hidden command, on a processor of its own where there are two, and
// waits until it says ready; what it says of itself goes into about. It is killed when ctx ends. Its log is on our
// standard error.
func startServer(ctx context.Context, about any, args ...string) (*process, error) {
	return startBy(ctx, startApart, about, args...)
}

// startBeside is startServer on the processors that we have ourselves.
func startBeside(ctx context.Context, about any, args ...string) (*process, error) {
	return startBy(ctx, func(cmd *exec.Cmd) (int, error) { return -1, cmd.Start() }, about, args...)
}

func startBy(ctx context.Context, start func(*exec.Cmd) (int, error), about any, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	p := &process{cmd: exec.CommandContext(ctx, self, args...)} //nolint:gosec // ourselves
	p.cmd.Env = append(os.Environ(), childVariable+"=1")
	p.cmd.Stderr = os.Stderr
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	p.lines = bufio.NewReaderSize(out, 1<<20)
	if p.cpu, err = start(p.cmd); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	if err := p.awaitReady(about); err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

func (p *process) awaitReady(about any) error {
	line, err := p.lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the server ended before it was ready: %w", err)
	}
	var r ready
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("read what the server says: %w", err)
	}
	if about == nil {
		return nil
	}
	if err := json.Unmarshal(r.Ready, about); err != nil {
		return fmt.Errorf("read what the server says: %w", err)
	}
	return nil
}

// stopWithin is how long a server may take to end before it is killed.
const stopWithin = 10 * time.Second

// stop ends the server by the end of its input and waits for it.
func (p *process) stop() error {
	_ = p.input.Close() // that is the message
	late := time.AfterFunc(stopWithin, p.kill)
	defer late.Stop()
	_, _ = io.Copy(io.Discard, p.lines) // Wait closes the pipe
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("stop server: %w", err)
	}
	return nil
}

func (p *process) usage() (usage, error) { return usageOf(p.cmd.Process.Pid) }

func (p *process) kill() { _ = p.cmd.Process.Kill() }

// profile writes a processor profile of this process to a file, if one is named, until it is stopped.
func profile(name string) (stop func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("write profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("write profile: %w", err), f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}
