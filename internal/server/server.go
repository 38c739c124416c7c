package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Server is one node. Open, then Run, once each; Close instead of Run gives up what was opened.
type Server struct {
	cfg     Config
	log     *slog.Logger
	metrics *prometheus.Registry
	parts   *parts
	failed  context.Context // ends, with its cause, when a part ended by itself

	draining atomic.Bool
	reserve  []byte // room for garbage

	node  node
	web   *door
	admin *door
}

// New checks the configuration and allocates; it opens nothing.
func New(cfg Config) (*Server, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	failed, fail := context.WithCancelCause(context.Background())
	s := &Server{
		cfg: cfg, log: cfg.Log, metrics: prometheus.NewRegistry(),
		parts: &parts{log: cfg.Log, fail: fail}, failed: failed, reserve: reserve(),
	}
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s, nil
}

// Open opens what is stored, recovers what a crash left, and listens; connections wait until Run. After an error
// everything is closed again.
func (s *Server) Open(ctx context.Context) error {
	if err := s.open(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

func (s *Server) open(ctx context.Context) error {
	for _, step := range []struct {
		name string
		open func(context.Context) error
	}{
		{"storage", s.openStorage},
		{"cluster", s.openCluster},
		{"outbox", s.openOutbox},
		{"recorder", s.openRecorder},
		{"media", s.openMedia},
		{"services", s.openServices},
		{"doors", s.openDoors},
	} {
		if err := step.open(ctx); err != nil {
			return fmt.Errorf("open %s: %w", step.name, err)
		}
	}
	return nil
}

// Run serves until ctx ends or a part fails, then drains (unless it failed) and stops in order within the deadline.
func (s *Server) Run(ctx context.Context) error {
	s.start()
	s.log.InfoContext(ctx, "ready", slog.String("http", s.URL()), slog.String("admin", s.AdminURL()), slog.Any("udp", s.ports()))
	var failure error
	select {
	case <-ctx.Done():
	case <-s.failed.Done():
		failure = context.Cause(s.failed)
		s.log.ErrorContext(ctx, "part failed; stopping", slog.Any("err", failure))
	}
	if failure == nil {
		s.drain(context.WithoutCancel(ctx))
	}
	s.log.InfoContext(ctx, "stopping")
	err := errors.Join(failure, s.Close())
	if err == nil {
		s.log.InfoContext(ctx, "stopped")
	}
	return err
}

// Close stops everything within the deadline, the last opened first.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.StopAfter)
	defer cancel()
	return s.parts.stop(ctx)
}

// URL is where the server answers, for programs on this machine.
func (s *Server) URL() string { return urlOf(scheme(s.cfg.TLS), s.web.listener.Addr()) }

// AdminURL is where health and metrics are.
func (s *Server) AdminURL() string { return urlOf("http", s.admin.listener.Addr()) }

// ports are the UDP ports of media, without addresses.
func (s *Server) ports() []uint16 {
	var ports []uint16
	for _, a := range s.node.sfu.Ports() {
		ports = append(ports, a.Port())
	}
	return ports
}

// urlOf is the address of a listener as people on this machine write it.
func urlOf(scheme string, a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return scheme + "://" + a.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsLoopback() || ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
