package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"parley/internal/admin"
)

// openDoors listens last, when everything behind the doors is there.
func (s *Server) openDoors(ctx context.Context) error {
	var conf *tls.Config
	if s.cfg.TLS.on() {
		var err error
		if conf, err = s.cfg.TLS.config(s.cfg.Data, s.log); err != nil {
			return err
		}
	}
	web, err := s.listen(ctx, "http", s.cfg.HTTP, conf)
	if err != nil {
		return err
	}
	ops, err := s.listen(ctx, "admin", s.cfg.Admin, nil)
	if err != nil {
		return err
	}
	s.web = newDoor(web, s.handler(), s.log)
	s.admin = newDoor(ops, ownNames(admin.Ops(s.metrics, s.ready), ops.Addr()), s.log)
	return nil
}

func (s *Server) listen(ctx context.Context, what, addr string, conf *tls.Config) (net.Listener, error) {
	l, err := listen(ctx, what, addr, conf)
	if err != nil {
		return nil, err
	}
	s.parts.closer(what+" listener", func() error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return l, nil
}

// handler is everything behind the web address. The WebSocket stands outside of the access log, which would keep a
// wrapper for each of its connections; the gateway counts them.
func (s *Server) handler() http.Handler {
	api := admin.New(admin.Config{
		Verifier: s.node.verifier, Conversations: s.node.chat, Directory: s.node.chat, Crowds: s.node.crowd, People: s.node.people, Attachments: s.node.attachments, Moderation: s.node.moderation, Notices: s.notices(), Transcripts: s.node.sealer, Interviews: s.node.router, Recordings: shown{s.node.recorder},
		Revoker: s.node.revoker, Sessions: revoked{&s.node}, Audit: s.node.audit, Signer: s.node.vault, Grants: s.node.grants, Texts: s.node.texts,
		Figures: s.metrics, LastHead: s.node.heads.lastHead, Version: s.cfg.Build, Address: s.address(),
		Outbox: s.graves(), Metrics: s.metrics, Log: s.log,
	})
	logged := http.NewServeMux()
	logged.Handle("/v1/", cors(api, s.cfg.Origins))
	if s.cfg.Seats != nil {
		logged.Handle("GET /demo/seats.json", s.cfg.Seats)
	}
	if s.cfg.Pages != nil {
		logged.Handle("/", s.cfg.Pages)
	}
	outer := http.NewServeMux()
	outer.Handle("GET /v1/ws", shortly(s.node.gateway))
	outer.Handle("/", access(logged, s.log, s.metrics))
	return hasty(secure(outer, s.cfg.TLS.on()))
}

// notices are those that the platform may ask for; nil without a webhook.
func (s *Server) notices() admin.Notices {
	if s.node.notices == nil {
		return nil
	}
	return s.node.notices
}

// graves are the events that a webhook did not take; nil without one.
func (s *Server) graves() admin.Outbox {
	if s.node.outbox == nil {
		return nil
	}
	return s.node.db.Outbox()
}

// ready says whether the node can serve: its parts run and its database answers.
func (s *Server) ready(ctx context.Context) error {
	if s.failed.Err() != nil {
		return errors.New("a part has failed")
	}
	if s.draining.Load() {
		return errDraining
	}
	if err := s.node.db.Ping(ctx); err != nil {
		return errors.New("the database does not answer")
	}
	return nil
}

// grace is how long requests under way may take to finish at the end. For 5 s net/http takes a connection that has sent nothing
// yet, as clients that come and go leave them, for one that is about to: the end of that belongs to a clean stop.
func (s *Server) grace() time.Duration { return min(7*time.Second, s.cfg.StopAfter/3) }

// address tells whose connection a request is. Behind a proxy that is the last address in X-Forwarded-For: the one that
// the proxy itself has seen; what stands before it anybody can write.
func (s *Server) address() func(*http.Request) netip.Addr {
	if !s.cfg.BehindProxy {
		return nil
	}
	return forwardedFor
}

func forwardedFor(r *http.Request) netip.Addr {
	all := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	last := strings.TrimSpace(all[strings.LastIndex(all, ",")+1:])
	if a, err := netip.ParseAddr(last); err == nil {
		return a
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr()
}
