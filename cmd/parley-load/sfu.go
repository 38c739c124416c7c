package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"
)

// sfuCommand measures forwarding.
type sfuCommand struct {
	common
	Scenario    string `enum:"uniform,browser,all" default:"all" help:"Only this one (uniform, browser)."`
	Subscribers int    `default:"100" help:"How many watch."`
	Profile     string `placeholder:"DIR" help:"Write a processor profile of the server for each scenario into this folder."`
}

// settle is how long everything runs before it is measured.
const settle = time.Second

// Run measures each scenario with segmentation offload and without.
func (c sfuCommand) Run(ctx context.Context, out io.Writer) error {
	if c.Target != "" {
		return fmt.Errorf("sfu can't load a running server: an interview has two people, so the load opens a room of its own: %w", errUsage)
	}
	if c.Seconds < 1 || c.Subscribers < 1 {
		return fmt.Errorf("there must be a second and a subscriber at least: %w", errUsage)
	}
	raw, err := measureLimits(ctx)
	if err != nil {
		return err
	}
	browser, err := recorded()
	if err != nil {
		return err
	}
	var rows []row
	for _, s := range []scenario{uniform(), browser} {
		if c.Scenario != "all" && c.Scenario != s.name {
			continue
		}
		for _, offload := range []bool{true, false} {
			f, err := c.measure(ctx, s, offload)
			if err != nil {
				return fmt.Errorf("%s, offload %v: %w", s.name, offload, err)
			}
			rows = append(rows, f.row(s.name, offload, c.Subscribers, raw))
		}
	}
	return c.print(out, rows, []string{"",
		"The SFU as the server wires it, alone on one processor, clients on the others; no recorder.",
		fmt.Sprintf("Raw, a packet of %d bytes: sendto %.2f µs, segmented send %.2f µs (ten at once), AES-128-GCM %.2f µs.",
			limitSize, raw.Sendto, raw.Segmented, raw.Seal),
		machine(),
	})
}

// figures are what one scenario came to.
type figures struct {
	packets   int64 // published within the time
	elapsed   time.Duration
	cpu       time.Duration
	rss       int64 // that the subscribers added
	received  int64
	delay     time.Duration // 99th percentile
	perCall   float64       // datagrams a system call
	allocated float64       // objects
}

func (f figures) row(name string, offload bool, subscribers int, raw limits) row {
	expected := float64(f.packets) * float64(subscribers)
	return row{
		{"scenario", name},
		{"offload", offload},
		{"subscribers", subscribers},
		{"packets_per_s", rounded(float64(f.packets)/f.elapsed.Seconds(), 0)},
		{"cpu_us_per_packet", rounded(float64(f.cpu.Microseconds())/expected, 2)},
		{"loss_pct", rounded(100*(1-float64(f.received)/expected), 3)},
		{"delay_p99_ms", rounded(float64(f.delay.Microseconds())/1e3, 2)},
		{"rss_kb_per_subscriber", rounded(float64(f.rss)/1024/float64(subscribers), 0)},
		{"datagrams_per_call", rounded(f.perCall, 2)},
		{"allocs_per_packet", rounded(f.allocated/expected, 3)},
		{"raw_sendto_us", raw.Sendto},
		{"raw_segmented_us", raw.Segmented},
	}
}

// measure runs one scenario with a server of its own.
func (c sfuCommand) measure(ctx context.Context, s scenario, offload bool) (f figures, err error) {
	args := []string{"serve-sfu", "--peers", strconv.Itoa(c.Subscribers + 1)}
	if !offload {
		args = append(args, "--plain")
	}
	if c.Profile != "" {
		args = append(args, "--profile", filepath.Join(c.Profile, fmt.Sprintf("sfu-%s-offload-%v.pprof", s.name, offload)))
	}
	server, err := startServer(ctx, nil, args...)
	if err != nil {
		return f, err
	}
	l := newSfuLoad(server)
	defer func() { err = errors.Join(err, l.close()) }()
	before, err := server.usage()
	if err != nil {
		return f, err
	}
	if err := l.fill(ctx, s, c.Subscribers); err != nil {
		return f, err
	}
	if err := pause(ctx, settle); err != nil {
		return f, err
	}
	return l.watch(ctx, c.duration(), before)
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
