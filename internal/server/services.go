package server

import (
	"context"

	"parley/internal/audit"
	"parley/internal/identity"
	"parley/internal/identity/grant"
	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/signal/gateway"
	"parley/signal/interview"
	"parley/signal/interview/remote"
	"parley/storage/bus"
)

// openServices puts the domains together. Nothing of it runs yet.
func (s *Server) openServices(context.Context) (err error) {
	n := &s.node
	tokens := s.cfg.Tokens
	tokens.Revocations, tokens.Log = n.revoker, s.log
	if n.verifier, err = identity.NewVerifier(tokens); err != nil {
		return err
	}
	n.grants = grant.New(grant.Config{Store: n.db.Grants(), Key: s.grantKey, Revocations: n.revoker})
	n.audit = audit.New(n.db.Audit(), audit.Config{Key: s.auditKey, Signer: n.vault, Metrics: s.metrics})
	n.texts = policy.BuiltinTexts()
	n.ledger = privacy.New(privacy.Config{Store: n.db.Consents(), Vault: n.vault, Texts: n.texts})
	n.hub = gateway.NewHub(n.bus, s.log)
	n.heads = &heads{Hub: n.hub}
	if err := s.openTalk(); err != nil {
		return err
	}
	n.interviews = interview.New(interview.Config{
		Store: n.db.Interviews(), Chat: n.chat, Ledger: n.ledger, Recorder: recorder{n.recorder, s.log},
		SFU: rooms{n.sfu}, Hub: n.heads, Audit: n.audit, Texts: n.texts, Leases: n.cluster,
		Log: s.log, Metrics: s.metrics,
	})
	n.router = remote.New(remote.Config{Service: n.interviews, Cluster: n.cluster, Log: s.log})
	n.gateway = gateway.New(gateway.Config{
		Verifier: n.verifier, Chat: n.chat, Interviews: n.router, Domains: n.domains(), Crowds: n.crowd, Presence: n.people, Bus: n.bus, Node: bus.Node(n.name), Texts: n.texts,
		Revocations: n.revoker, Revoked: n.unseat, Origins: s.cfg.Origins, Address: s.address(), Limits: s.cfg.Limits,
		Log: s.log, Metrics: s.metrics,
	})
	return nil
}

// auditKey asks the vault each time, so that a destroyed key stops being used.
func (s *Server) auditKey(ctx context.Context) ([32]byte, error) {
	k, err := s.node.vault.Create(ctx, "field/audit")
	return [32]byte(k), err
}

// grantKey is asked of the vault in the same way.
func (s *Server) grantKey(ctx context.Context) ([32]byte, error) {
	k, err := s.node.vault.Create(ctx, "field/grant")
	return [32]byte(k), err
}

// start runs what works by itself, the lowest first: interviews need chat, the recorder and media to the end, the
// gateway needs interviews, and the doors open last and close first.
func (s *Server) start() {
	n := &s.node
	s.parts.run("cluster", n.cluster.Run)
	if n.calls != nil {
		s.parts.run("cluster address", func(ctx context.Context) error { return n.cluster.Serve(ctx, n.calls) })
	}
	if n.wire != nil {
		s.parts.run("bus", n.wire.Run)
	}
	if n.canary != nil {
		s.parts.run("store's canary", n.canary.Run)
	}
	if n.outbox != nil {
		s.parts.run("outbox", n.outbox.Run)
	}
	s.parts.run("recorder", n.recorder.Run)
	s.parts.run("sealer", n.sealer.Run)
	s.parts.run("chat", n.chat.Run)
	s.parts.run("exchanges", n.exchanges.Run)
	if n.notices != nil {
		s.parts.run("notices", n.notices.Run)
	}
	s.parts.run("moderation", n.moderation.Run)
	s.parts.run("attachments", n.attachments.Run)
	s.parts.run("crowds", n.crowd.Run)
	s.parts.run("interviews", n.interviews.Run)
	s.parts.run("interviews elsewhere", n.router.Run)
	s.parts.run("gateway", n.gateway.Run)
	s.parts.add("connections", n.gateway.Drain)
	s.parts.run("admin address", func(ctx context.Context) error { return s.admin.serve(ctx, s.grace()) })
	s.parts.run("web address", func(ctx context.Context) error { return s.web.serve(ctx, s.grace()) })
}

// revoked ends what is open with what was revoked, on every node (T7).
type revoked struct{ *node }

// Drop implements admin.Sessions.
func (r revoked) Drop(rev identity.Revocation) {
	if rev.User == "" {
		r.gateway.DropToken(rev.TokenID) // and the seats with the sessions
		return
	}
	r.gateway.Drop(rev.User)
}

// unseat takes a revoked user's seats on this node, and what is played back with what was revoked; the gateway of each node
// tells it.
func (n *node) unseat(rev identity.Revocation) {
	n.grants.Drop(rev)
	if rev.User != "" {
		n.router.Revoke(rev.User, rev.Before)
	}
}
