package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// chatCommand measures messages on their whole way.
type chatCommand struct {
	common
	Senders  int    `default:"64" help:"How many send, each in a conversation of its own with somebody who is connected too."`
	InFlight []int  `name:"in-flight" default:"1,8" help:"How many messages of each sender wait for their ack at once; each is measured by itself."`
	Only     string `enum:"send,fan-out,idle,storm,all" default:"all" help:"Only this one (send, fan-out, idle, storm)."`

	Subscribers int `default:"1000" help:"fan-out: how many are in one room."`
	Rate        int `default:"180" help:"fan-out: entries a second that are said there."`
	Idle        int `default:"10000" help:"idle: connections, each with one conversation."`
	Storm       int `default:"5000" help:"storm: clients that lose their connections at once."`

	Store     string `enum:"sqlite,postgres,all" default:"all" help:"Only this one (sqlite, postgres)."`
	Postgres  string `placeholder:"URL" help:"Measure this PostgreSQL database, which is filled, instead of a server of our own."`
	Dir       string `placeholder:"DIR" help:"Where both stores put their data: a folder that other users may pass; the system's for temporary files."`
	APIKey    string `name:"api-key" env:"PARLEY_API_KEY" placeholder:"ID" help:"With --target: key id that tokens are signed with."`
	APISecret string `name:"api-secret" env:"PARLEY_API_SECRET" placeholder:"SECRET" help:"With --target: its secret. Better in the environment than on the command line."`
	Profile   string `placeholder:"DIR" help:"Write a processor profile of the server for each store into this folder."`
}

// textSize is the length of each message in bytes.
const textSize = 256

// Run measures each store, or the server that runs already.
func (c chatCommand) Run(ctx context.Context, out io.Writer) error {
	if c.Seconds < 1 || c.Senders < 1 || len(c.InFlight) == 0 || slices.Min(c.InFlight) < 1 || min(c.Subscribers, c.Rate) < 1 || min(c.Idle, c.Storm) < 2 {
		return fmt.Errorf("there must be a second, a sender, a message, a subscriber, and two clients at least: %w", errUsage)
	}
	if c.Target != "" {
		return c.loadTarget(ctx, out)
	}
	if c.Dir == "" {
		c.Dir = os.TempDir()
	}
	load := loadAverage()
	var rows []row
	var notes []string
	for _, s := range c.scenarios() {
		more, words, err := s.run(c, ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		rows, notes = append(rows, more...), append(notes, words...)
	}
	return c.print(out, rows, append(append([]string{""}, notes...), "Load average before: "+load+".", machine()))
}

// chatScenario is one part of the load; run returns its rows and what they mean.
type chatScenario struct {
	name string
	run  func(chatCommand, context.Context) ([]row, []string, error)
}

func (c chatCommand) scenarios() []chatScenario {
	all := []chatScenario{
		{"send", chatCommand.sendAll}, {"fan-out", chatCommand.fanOut}, {"idle", chatCommand.idle}, {"storm", chatCommand.storm},
	}
	return slices.DeleteFunc(all, func(s chatScenario) bool { return c.Only != "all" && c.Only != s.name })
}

// sendAll has each store take messages from pairs of people.
func (c chatCommand) sendAll(ctx context.Context) ([]row, []string, error) {
	synced, err := measureSync(c.Dir)
	if err != nil {
		return nil, nil, err
	}
	stores, err := c.stores()
	if err != nil {
		return nil, nil, err
	}
	var rows []row
	for _, s := range stores {
		more, err := c.measure(ctx, s, synced)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", s.name, err)
		}
		rows = append(rows, more...)
	}
	return rows, []string{
		"send: texts of 256 bytes over WebSockets, each to somebody connected; acked when durable. Clients, server and store share all processors.",
		"Ceiling: as many producers that wait for each row, by group commit in two lanes, in a process that does nothing else.",
		"Full batches: rows a second in that process when every batch has a row from each, without anybody who waits.",
		fmt.Sprintf("Data in %s on %s; a synced page takes %.2f ms (p99).", c.Dir, fileSystem(c.Dir), milliseconds(synced)),
	}, nil
}

// loadTarget measures a server that runs already; what only its own machine could tell is left out.
func (c chatCommand) loadTarget(ctx context.Context, out io.Writer) error {
	if c.APIKey == "" || c.APISecret == "" {
		return fmt.Errorf("--target needs --api-key and --api-secret, which the server takes tokens of: %w", errUsage)
	}
	var rows []row
	for _, n := range c.InFlight {
		f, err := c.load(ctx, newPlatform(c.Target, c.APIKey, []byte(c.APISecret)), nil, n)
		if err != nil {
			return err
		}
		rows = append(rows, c.row("unknown", n, f))
	}
	return c.print(out, rows, []string{"",
		"A server takes 50 frames a second of a session unless it is told otherwise; senders wait when it says so.",
		"Ceiling and use of the server are left out: they are measured where the server is.",
	})
}

// measure has one store serve the loads, and then take the same rows by themselves.
func (c chatCommand) measure(ctx context.Context, s chatStore, synced time.Duration) (rows []row, err error) {
	place, err := s.prepare(ctx, c.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, place.remove()) }()
	loads, err := c.serve(ctx, s, place)
	if err != nil {
		return nil, err
	}
	for i, f := range loads {
		top, err := c.ceiling(ctx, place, c.InFlight[i])
		if err != nil {
			return nil, fmt.Errorf("ceiling: %w", err)
		}
		rows = append(rows, append(c.row(s.name, c.InFlight[i], f),
			cell{"ceiling_per_s", rounded(top.PerSecond, 0)},
			cell{"ceiling_p99_ms", rounded(top.P99, 2)},
			cell{"full_batches_per_s", rounded(top.Full, 0)},
			cell{"ceiling_pct", rounded(100*f.perSecond(f.acked)/top.PerSecond, 1)},
			cell{"server_cpu_us", f.perMessage(f.cpu)},
			cell{"clients_cpu_us", f.perMessage(f.ours)},
			cell{"fsync_p99_ms", milliseconds(synced)},
		))
	}
	return rows, nil
}

// serve has a server take each load, one after the other on the same data.
func (c chatCommand) serve(ctx context.Context, s chatStore, p place) (loads []chatFigures, err error) {
	for _, n := range c.InFlight {
		f, err := c.serveOne(ctx, s, p, n)
		if err != nil {
			return nil, fmt.Errorf("%d in flight: %w", n, err)
		}
		loads = append(loads, f)
	}
	return loads, nil
}

func (c chatCommand) serveOne(ctx context.Context, s chatStore, p place, inFlight int) (f chatFigures, err error) {
	var about node
	args := append([]string{"serve", "--quick", "--data", p.data}, p.database()...)
	if c.Profile != "" {
		args = append(args, "--profile", fmt.Sprintf("%s/chat-%s-%d.pprof", c.Profile, s.name, inFlight))
	}
	server, err := startBeside(ctx, &about, args...)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	return c.load(ctx, newPlatform(about.HTTP, about.KeyID, about.Secret), server, inFlight)
}

// row is what a load came to.
func (c chatCommand) row(store string, inFlight int, f chatFigures) row {
	return row{
		{"scenario", "send"},
		{"store", store},
		{"senders", c.Senders},
		{"in_flight", inFlight},
		{"acked_per_s", rounded(f.perSecond(f.acked), 0)},
		{"ack_p50_ms", milliseconds(f.p50)},
		{"ack_p99_ms", milliseconds(f.p99)},
		{"delivered_per_s", rounded(f.perSecond(f.delivered), 0)},
	}
}
