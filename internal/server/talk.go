package server

import (
	"context"
	"encoding/json"
	"time"

	"parley/chat"
	"parley/chat/appointment"
	"parley/chat/attach"
	"parley/chat/crowd"
	"parley/chat/exchange"
	"parley/chat/moderation"
	"parley/chat/people"
	"parley/chat/sealer"
	"parley/internal/identity"
	"parley/internal/notice"
	"parley/signal/gateway"
)

// talk is chat with the domains around it.
type talk struct {
	chat         *chat.Service
	people       *people.Service
	moderation   *moderation.Service
	attachments  *attach.Service
	notices      *notice.Service // nil without a webhook: nobody would send them
	exchanges    *exchange.Service
	appointments *appointment.Service
	sealer       *sealer.Sealer
	crowd        *crowd.Service
}

// openTalk puts chat and its neighbours together: those that chat asks need chat themselves, so they are named to it afterwards.
func (s *Server) openTalk() error {
	n := &s.node
	seals := sealer.Config{Log: s.log, Metrics: s.metrics}
	if n.outbox != nil {
		n.notices = notice.New(notice.Config{
			Store: n.db.Notice(), Cursors: n.db.Notice(), Preferences: wishes{n}, Wake: n.outbox.Wake, Log: s.log, Metrics: s.metrics,
		})
		seals.Before = remind(n.notices, time.Now)
	}
	n.sealer = sealer.New(n.db.Seals(), n.vault, seals)
	n.chat = chat.New(n.db.Chat(), n.vault, hubs{n.hub, n.sealer}, chat.Config{Events: n.outbox != nil, Log: s.log, Metrics: s.metrics})
	n.people = people.New(people.Config{
		Store: n.db.People(), Vault: n.vault, Chat: n.chat, Hub: n.hub, Metrics: s.metrics,
	})
	rules := moderation.Builtin()
	if s.cfg.Rules != "" {
		var err error
		if rules, err = moderation.Load(s.cfg.Rules, moderation.Where{Region: s.cfg.Outward.Region, Recipients: s.cfg.Outward.Recipients}); err != nil {
			return err
		}
	}
	n.moderation = moderation.New(moderation.Config{
		Store: n.db.Moderation(), Vault: n.vault, Chat: n.chat, Entries: n.db.Chat(), Rules: rules, Events: n.outbox != nil,
		Trust: s.cfg.Engines.Trust, Log: s.log, Metrics: s.metrics,
	})
	n.attachments = attach.New(attach.Config{
		Store: n.db.Attachments(), Sweeps: n.db.Attachments(), Bucket: n.objects, Vault: n.vault, Chat: n.chat, Grants: n.grants,
		Log: s.log, Metrics: s.metrics,
	})
	n.exchanges = exchange.New(n.chat, exchange.Config{Attachments: n.attachments, Log: s.log, Metrics: s.metrics})
	n.appointments = appointment.New(n.chat, appointment.Config{Metrics: s.metrics})
	n.crowd = crowd.New(crowd.Config{
		Store: n.db.Crowd(), Sealer: words{n.chat}, Gate: screen{n.moderation}, Bus: n.hub, Node: n.name, Log: s.log, Metrics: s.metrics,
	})
	n.chat.Use(chat.Neighbours{
		Gates: []chat.Gate{n.people, n.moderation}, Openers: []chat.Opener{n.people}, Preferences: n.people, Attachments: n.attachments,
	})
	return nil
}

// domains are what the gateway's clients may ask for beside the log.
func (t *talk) domains() gateway.Domains {
	return gateway.Domains{
		Exchanges: t.exchanges, Appointments: t.appointments, Attachments: t.attachments, People: t.people, Reports: t.moderation, Receipts: t.sealer.Receipts(t.chat),
	}
}

// hubs are told one after the other.
type hubs []chat.Hub

// Committed implements [chat.Hub].
func (h hubs) Committed(members []identity.UserID, e chat.Entry) {
	for _, one := range h {
		one.Committed(members, e)
	}
}

// Moved implements [chat.Hub].
func (h hubs) Moved(members []identity.UserID, c chat.Cursor) {
	for _, one := range h {
		one.Moved(members, c)
	}
}

// Changed implements [chat.Hub].
func (h hubs) Changed(members []identity.UserID, id chat.ConversationID) {
	for _, one := range h {
		one.Changed(members, id)
	}
}

// words seals what is said in a crowd as what is said in a conversation is: with the key of (room, user).
type words struct{ *chat.Service }

// SealIn implements [crowd.Sealer].
func (w words) SealIn(ctx context.Context, room crowd.RoomID, user identity.UserID, label string, plain []byte) ([]byte, error) {
	return w.SealValue(ctx, chat.ConversationID(room), user, label, plain)
}

// OpenIn implements [crowd.Sealer].
func (w words) OpenIn(ctx context.Context, room crowd.RoomID, user identity.UserID, label string, sealed []byte) ([]byte, error) {
	return w.OpenValue(ctx, chat.ConversationID(room), user, label, sealed)
}

// screen asks the gate about what is said in a crowd: everybody may hear it, headhunters too (T6).
type screen struct{ chat.Gate }

// everybody is who may be in a crowd.
var everybody = []chat.Party{{Role: identity.Candidate}, {Role: identity.Recruiter}, {Role: identity.Headhunter}}

// AdmitCrowd implements [crowd.Gate].
func (g screen) AdmitCrowd(ctx context.Context, p identity.Principal, kind string, content json.RawMessage) (json.RawMessage, error) {
	return g.Admit(ctx, chat.Attempt{By: p, Type: kind, Content: content, Others: everybody})
}
