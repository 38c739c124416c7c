package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"parley/signal/media"
	"parley/signal/sfu"
)

// recordCommand records the trace of the scenario browser.
type recordCommand struct {
	Browser string        `default:"/usr/bin/chromium" help:"Chromium."`
	Skip    time.Duration `default:"30s" help:"How long the picture may grow before it is recorded."`
	Length  time.Duration `default:"10s" help:"How much is recorded."`
	Out     string        `default:"trace.txt" help:"Where to write it."`
}

//go:embed record.html
var recordPage []byte

// Run opens a page in Chromium that publishes its fake camera to an SFU of ours, and writes down what came.
func (c recordCommand) Run(ctx context.Context) error {
	t := &tracer{}
	door := newDoor()
	st, closeAll, err := openStage(1, "0.0.0.0", sfu.OffloadOn, door, t)
	if err != nil {
		return err
	}
	door.stage = st
	ctx, cancel := context.WithTimeout(ctx, c.Skip+c.Length+fillWithin)
	defer cancel()
	err = c.record(ctx, door, t)
	if err := errors.Join(err, closeAll()); err != nil {
		return err
	}
	text, err := t.text(c)
	if err != nil {
		return err
	}
	return os.WriteFile(c.Out, []byte(text), 0o644) //nolint:gosec // nothing in it is private
}

func (c recordCommand) record(ctx context.Context, door *door, t *tracer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serve the page: %w", err)
	}
	pages := &http.Server{Handler: door.handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = pages.Serve(listener) }() // until Close
	defer pages.Close()
	stop, err := c.browse(ctx, "http://"+listener.Addr().String()+"/")
	if err != nil {
		return err
	}
	defer stop()
	for t.since() < c.Skip+c.Length {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("wait for the camera's packets (%v so far): %w", t.since(), err)
		}
		if err := door.failure(); err != nil {
			return err
		}
	}
	return nil
}

// browse opens a page in a browser with a fake camera, until stop is called.
func (c recordCommand) browse(ctx context.Context, url string) (stop func(), err error) {
	profile, err := os.MkdirTemp("", "parley-load-")
	if err != nil {
		return nil, fmt.Errorf("make profile folder: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	browser := exec.CommandContext(ctx, c.Browser, "--headless=new", "--no-sandbox", "--disable-gpu", //nolint:gosec // the caller's
		"--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--user-data-dir="+profile, url)
	if err := browser.Start(); err != nil {
		cancel()
		return nil, errors.Join(fmt.Errorf("start browser: %w", err), os.RemoveAll(profile))
	}
	return func() {
		cancel()
		_ = browser.Wait() // it was killed
		_ = os.RemoveAll(profile)
	}, nil
}

// door is the page's signalling: frames to the server are posted, frames from it are fetched.
type door struct {
	stage *stage

	mu     sync.Mutex
	joined bool
	lines  []string
	err    error
}

func newDoor() *door { return &door{} }

// Write takes a line for the page.
func (d *door) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, strings.TrimSpace(string(b)))
	return len(b), nil
}

func (d *door) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

func (d *door) handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(recordPage) })
	m.HandleFunc("GET /frames", d.fetch)
	m.HandleFunc("POST /frames", d.post)
	return m
}

func (d *door) fetch(w http.ResponseWriter, _ *http.Request) {
	d.mu.Lock()
	lines := d.lines
	d.lines = nil
	d.mu.Unlock()
	fmt.Fprintf(w, "[%s]", strings.Join(lines, ","))
}

func (d *door) post(w http.ResponseWriter, r *http.Request) {
	frame, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err == nil {
		err = d.take(frame)
	}
	if err != nil {
		d.mu.Lock()
		d.err = errors.Join(d.err, err)
		d.mu.Unlock()
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (d *door) take(frame []byte) error {
	const page sfu.PeerID = "page"
	d.mu.Lock()
	joined := d.joined
	d.joined = true
	d.mu.Unlock()
	if !joined {
		if err := d.stage.take(signalling{Peer: page, Join: true, Publish: true}); err != nil {
			return err
		}
	}
	return d.stage.take(signalling{Peer: page, Frame: frame})
}

// tracer is a sink that notes times and sizes.
type tracer struct {
	mu   sync.Mutex
	seen []traced
}

type traced struct {
	at        time.Time
	timestamp uint32
	size      int
}

// Packet notes a packet.
func (t *tracer) Packet(p media.Packet) {
	if len(p.RTP.Payload) == 0 {
		return // probes the bandwidth
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = append(t.seen, traced{p.Arrival, p.RTP.Timestamp, len(p.RTP.Payload)})
}

// Report, Event, Failed and Err are a sink's.
func (*tracer) Report(media.Report)     {}
func (*tracer) Event(media.Event)       {}
func (*tracer) Failed() <-chan struct{} { return nil }
func (*tracer) Err() error              { return nil }

// since is for how long packets have come.
func (t *tracer) since() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.seen) == 0 {
		return 0
	}
	return time.Since(t.seen[0].at)
}

// text is the trace, see parseTrace.
func (t *tracer) text(c recordCommand) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, `# What Chromium publishes: sizes of the RTP payloads of a VP8 camera, a line a picture.
# Recorded by: parley-load record-trace (%s), from %v after the start on.
# 1280×720 of the fake camera, which makes 20 pictures/s, one layer, transport-wide congestion control, loopback.
# Browser: %s
# A line: milliseconds, then sizes; +n: n tenths of a millisecond after the picture's first packet.
length %d
`, toolchain(), c.Skip, version(c.Browser), c.Length.Milliseconds())
	first, start := time.Time{}, time.Time{}
	var stamp uint32
	for i, x := range t.seen {
		if x.at.Sub(t.seen[0].at) < c.Skip || (first.IsZero() && t.seen[i-1].timestamp == x.timestamp) {
			continue // the picture that was under way is not whole
		}
		if first.IsZero() {
			first = x.at
		}
		if x.at.Sub(first) >= c.Length {
			break
		}
		if start.IsZero() || x.timestamp != stamp {
			if !start.IsZero() {
				b.WriteByte('\n')
			}
			start, stamp = x.at, x.timestamp
			fmt.Fprintf(&b, "%d", x.at.Sub(first).Milliseconds())
		}
		fmt.Fprintf(&b, " %d", x.size)
		if after := x.at.Sub(start) / (time.Millisecond / 10); after > 0 {
			fmt.Fprintf(&b, "+%d", after)
		}
	}
	b.WriteByte('\n')
	_, err := parseTrace(b.String())
	return b.String(), err
}

func version(browser string) string {
	out, err := exec.Command(browser, "--version").Output() //nolint:gosec,noctx // the caller's; it ends at once
	if err != nil {
		return filepath.Base(browser)
	}
	return strings.TrimSpace(string(out))
}

func toolchain() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.GoVersion
	}
	return "unknown"
}
