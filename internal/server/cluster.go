package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"parley/internal/cluster"
	"parley/internal/outbox"
)

// openCluster joins the other nodes, or begins a cluster of one: rooms have leases either way.
func (s *Server) openCluster(ctx context.Context) (err error) {
	n, cfg := &s.node, s.cfg.Cluster
	if cfg.Address != "" {
		if n.calls, err = s.listen(ctx, "cluster", cfg.Address, nil); err != nil {
			return err
		}
		if cfg.Address, err = reachedAt(cfg.Address, n.calls.Addr()); err != nil {
			return err
		}
	}
	n.cluster = cluster.New(cluster.Config{Store: n.db.Cluster(), Node: cluster.NodeID(n.name), Address: cfg.Address,
		TLS: cfg.TLS, Log: s.log, Metrics: s.metrics})
	return n.cluster.Join(ctx)
}

// reachedAt is the address that other nodes are told: as configured, with the port that was taken.
func reachedAt(configured string, taken net.Addr) (string, error) {
	host, _, err := net.SplitHostPort(configured)
	if err != nil {
		return "", fmt.Errorf("cluster address: %w", err)
	}
	_, port, err := net.SplitHostPort(taken.String())
	return net.JoinHostPort(host, port), err
}

func (s *Server) openOutbox(context.Context) (err error) {
	out := s.cfg.Outward
	if out.Webhook == "" {
		return nil
	}
	target := outbox.Target{URL: out.Webhook}
	for _, secret := range out.Secrets {
		target.Secrets = append(target.Secrets, outbox.Secret(secret))
	}
	if err := outbox.CheckTarget(out.Webhook, out.Region, out.Recipients); err != nil {
		return err
	}
	s.node.outbox, err = outbox.New(outbox.Config{Store: s.node.db.Outbox(), Target: target, Trust: s.cfg.Engines.Trust,
		Log: s.log, Metrics: s.metrics})
	return err
}

// announceTime is how long other nodes may take to be told that this one drains; the next beat tells them otherwise.
const announceTime = time.Second

// errDraining is why a node that is about to stop is not ready.
var errDraining = errors.New("the node is draining")

// drain has other nodes take what begins from now on, and waits until what runs here has ended, for as long as the
// operator allows. What runs then still is handed over while connections are still served: clients join again elsewhere.
func (s *Server) drain(ctx context.Context) {
	s.draining.Store(true)
	told, cancel := context.WithTimeout(ctx, announceTime)
	defer cancel()
	if err := s.node.cluster.Drain(told); err != nil {
		s.log.WarnContext(ctx, "other nodes are not told yet that this one drains", "err", err)
	}
	if s.cfg.DrainFor > 0 {
		s.log.InfoContext(ctx, "draining", "for", s.cfg.DrainFor.String())
	}
	until, stop := context.WithTimeout(ctx, s.cfg.DrainFor)
	defer stop()
	go func() {
		select {
		case <-s.cfg.Hurry:
		case <-s.failed.Done():
		case <-until.Done():
		}
		stop()
	}()
	s.node.interviews.Drain(until)
}
