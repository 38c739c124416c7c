package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/internal/identity"
	"parley/signal/client"
	"parley/signal/wire"
)

// apart starts a server on a processor of its own, with fresh data in SQLite.
func (c chatCommand) apart(ctx context.Context, scenario string) (*process, platform, error) {
	var about node
	args := []string{"serve", "--quick"}
	if c.Profile != "" {
		args = append(args, "--profile", c.Profile+"/chat-"+scenario+".pprof")
	}
	server, err := startServer(ctx, &about, args...)
	if err != nil {
		return nil, platform{}, err
	}
	return server, newPlatform(about.HTTP, about.KeyID, about.Secret), nil
}

// sideOf is who the n-th of many is, who sit in pairs.
func sideOf(n int) (pair int, role identity.Role) {
	if n%2 == 0 {
		return n / 2, identity.Recruiter
	}
	return n / 2, identity.Candidate
}

// idle connects many who say nothing, each with one conversation.
func (c chatCommand) idle(ctx context.Context) (rows []row, notes []string, err error) {
	server, p, err := c.apart(ctx, "idle")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	if _, err := p.openPairs(ctx, (c.Idle+1)/2); err != nil {
		return nil, nil, err
	}
	if err := pause(ctx, c.duration()); err != nil {
		return nil, nil, err
	}
	before, err := server.usage()
	if err != nil {
		return nil, nil, err
	}
	all, err := gather(c.Idle, func(n int) (*listener, error) {
		pair, role := sideOf(n)
		return p.listen(ctx, pair, role, nil)
	})
	if err != nil {
		return nil, nil, err
	}
	defer all.close()
	after, busy, err := settled(ctx, server, c.duration())
	if err != nil {
		return nil, nil, err
	}
	return []row{{
			{"scenario", "idle"},
			{"idle_conns", c.Idle},
			{"rss_kb_per_idle_conn", rounded(float64(after-before.rss)/1024/float64(c.Idle), 1)},
			{"rss_mb_before", rounded(float64(before.rss)/(1<<20), 0)},
			{"rss_mb_after", rounded(float64(after)/(1<<20), 0)},
			{"idle_cpu_pct", rounded(100*busy, 1)},
		}}, []string{
			fmt.Sprintf("idle: what the server's resident memory grew by from the last conversation opened to %d seconds after the last connection; pings go on.", 2*c.Seconds),
		}, nil
}

// settled waits twice d and returns the server's memory then, and its share of a processor in the second half.
func settled(ctx context.Context, server *process, d time.Duration) (rss int64, busy float64, err error) {
	if err := pause(ctx, d); err != nil {
		return 0, 0, err
	}
	first, err := server.usage()
	if err != nil {
		return 0, 0, err
	}
	if err := pause(ctx, d); err != nil {
		return 0, 0, err
	}
	last, err := server.usage()
	return last.rss, (last.cpu - first.cpu).Seconds() / d.Seconds(), err
}

// live waits until the session is answered again, and returns when.
func live(ctx context.Context, s *client.Session) (time.Time, error) {
	for {
		_, err := s.Do(ctx, wire.Ping{Time: time.Now().UTC()})
		if err == nil {
			return time.Now(), nil
		}
		if !errors.Is(err, client.ErrLost) || ctx.Err() != nil {
			return time.Time{}, err
		}
	}
}
