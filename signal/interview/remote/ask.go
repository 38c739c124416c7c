package remote

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"parley/internal/cluster"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/interview"
	"parley/signal/wire"
)

// request is what one node asks of another: who asks, about which interview, and what the method needs besides.
type request[T any] struct {
	Principal identity.Principal `json:"principal"`
	Interview interview.ID       `json:"interview,omitempty"`
	Body      T                  `json:"body"`
}

// nothing is the body of what needs none.
type nothing struct{}

// Names of the methods between nodes.
const (
	mOpen     = "interview.open"
	mView     = "interview.view"
	mViews    = "interview.views"
	mReceipts = "interview.receipts"
	mConsent  = "interview.consent"
	mWithdraw = "interview.withdraw"
	mEnd      = "interview.end"
	mLeave    = "interview.leave"
	mGone     = "interview.gone"
	mMute     = "interview.mute"
	mSignal   = "interview.signal"
	mRenew    = "interview.renew"
	mJoin     = "interview.join"
	mResume   = "interview.resume"
)

// Open implements gateway.Interviews.
func (r *Router) Open(ctx context.Context, p identity.Principal, s interview.Spec) (v wire.Interview, err error) {
	err = r.route(ctx, "", stepTimeout, func(ctx context.Context, node cluster.NodeID) (err error) {
		if node == "" {
			v, err = r.svc.Open(ctx, p, s)
			return err
		}
		return r.cl.Call(ctx, node, mOpen, request[interview.Spec]{Principal: p, Body: s}, &v)
	})
	return v, err
}

// View implements gateway.Interviews. What is shown comes from the owner.
func (r *Router) View(ctx context.Context, p identity.Principal, id interview.ID) (v wire.Interview, err error) {
	err = r.route(ctx, id, viewTimeout, func(ctx context.Context, node cluster.NodeID) (err error) {
		if node == "" {
			v, err = r.svc.View(ctx, p, id)
			return err
		}
		return r.cl.Call(ctx, node, mView, request[nothing]{Principal: p, Interview: id}, &v)
	})
	return v, err
}

// Receipts implements gateway.Interviews.
func (r *Router) Receipts(ctx context.Context, p identity.Principal, id interview.ID) (v wire.InterviewReceipt, err error) {
	err = r.route(ctx, id, viewTimeout, func(ctx context.Context, node cluster.NodeID) (err error) {
		if node == "" {
			v, err = r.svc.Receipts(ctx, p, id)
			return err
		}
		return r.cl.Call(ctx, node, mReceipts, request[nothing]{Principal: p, Interview: id}, &v)
	})
	return v, err
}

// Active implements gateway.Interviews. Each other owner is asked once; what one that does not answer owns is shown as it
// is stored.
func (r *Router) Active(ctx context.Context, p identity.Principal) ([]wire.Interview, error) {
	views, err := r.svc.Active(ctx, p)
	if err != nil || len(views) == 0 {
		return views, err
	}
	owners := r.owners(ctx, views)
	var mu sync.Mutex
	fresh := map[string]wire.Interview{}
	var all errgroup.Group
	for node, ids := range owners {
		all.Go(func() error {
			for _, v := range r.viewsOf(ctx, node, p, ids) {
				mu.Lock()
				fresh[v.ID] = v
				mu.Unlock()
			}
			return nil
		})
	}
	_ = all.Wait() // viewsOf has logged what failed
	var active []wire.Interview
	for _, v := range views {
		if newer, ok := fresh[v.ID]; ok {
			v = newer
		}
		if v.State != string(interview.Ended) {
			active = append(active, v)
		}
	}
	return active, nil
}

// owners are the other nodes that own interviews of these.
func (r *Router) owners(ctx context.Context, views []wire.Interview) map[cluster.NodeID][]interview.ID {
	rooms := make([]string, len(views))
	for n, v := range views {
		rooms[n] = v.ID
	}
	found, err := r.cl.Where(ctx, rooms...)
	if err != nil && ctx.Err() == nil {
		r.log.WarnContext(ctx, "look up owners", slog.Any("err", err))
	}
	owners := map[cluster.NodeID][]interview.ID{}
	for room, node := range found {
		owners[node] = append(owners[node], interview.ID(room))
	}
	return owners
}

func (r *Router) viewsOf(ctx context.Context, node cluster.NodeID, p identity.Principal, ids []interview.ID) (views []wire.Interview) {
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	err := r.cl.Call(ctx, node, mViews, request[[]interview.ID]{Principal: p, Body: ids}, &views)
	if err != nil {
		r.log.WarnContext(ctx, "owner of interviews does not show them", slog.String("node", string(node)), slog.Any("err", err))
	}
	return views
}

// End implements gateway.Interviews.
func (r *Router) End(ctx context.Context, p identity.Principal, id interview.ID) error {
	return r.route(ctx, id, stepTimeout, func(ctx context.Context, node cluster.NodeID) error {
		if node == "" {
			return r.svc.End(ctx, p, id)
		}
		return r.cl.Call(ctx, node, mEnd, request[nothing]{Principal: p, Interview: id}, nil)
	})
}

// Consent implements gateway.Interviews.
func (r *Router) Consent(ctx context.Context, p identity.Principal, c wire.InterviewConsent) error {
	return r.route(ctx, interview.ID(c.Interview), stepTimeout, func(ctx context.Context, node cluster.NodeID) error {
		if node == "" {
			return r.svc.Consent(ctx, p, c)
		}
		return r.cl.Call(ctx, node, mConsent, request[wire.InterviewConsent]{Principal: p, Body: c}, nil)
	})
}

// Withdraw implements gateway.Interviews: media and journals stop within 3 s (R3). The owner is asked first. One that does
// not answer at once finds the withdrawal in the ledger, where this node writes it then and where owners look every second;
// one that reaches neither the others nor the database can't know of it.
func (r *Router) Withdraw(ctx context.Context, p identity.Principal, id interview.ID) error {
	asked := r.owner(ctx, id)
	if asked != "" {
		if err := r.askToWithdraw(ctx, asked, p, id); !unanswered(err) {
			return err
		}
	}
	err := r.svc.Withdraw(ctx, p, id)
	e, moved := errors.AsType[*cluster.Elsewhere](err)
	if !moved {
		return err
	}
	if e.Node != asked {
		if err := r.askToWithdraw(ctx, e.Node, p, id); !unanswered(err) {
			return err
		}
	}
	return nil // it stands in the ledger
}

func (r *Router) askToWithdraw(ctx context.Context, node cluster.NodeID, p identity.Principal, id interview.ID) error {
	ctx, cancel := context.WithTimeout(ctx, withdrawTimeout)
	defer cancel()
	return r.cl.Call(ctx, node, mWithdraw, request[nothing]{Principal: p, Interview: id}, nil)
}

// unanswered says that the owner may not have done what it was asked, and gave no reason that a person is to read.
func unanswered(err error) bool {
	_, moved := errors.AsType[*cluster.Elsewhere](err)
	return moved || errors.Is(err, cluster.ErrUnreachable) || errors.Is(err, policy.ErrInternal)
}

// Renew implements gateway.Interviews. A node that is not reached takes the seat away when the former token runs out, and
// the client joins again.
func (r *Router) Renew(p identity.Principal) {
	r.svc.Renew(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	nodes := map[cluster.NodeID]bool{}
	for _, l := range r.links {
		if l.user == p.User {
			nodes[l.node] = true
		}
	}
	for node := range nodes {
		if r.closed {
			return
		}
		r.work.Go(func() {
			ctx := context.Background() // Call bounds it
			if err := r.cl.Call(ctx, node, mRenew, request[nothing]{Principal: p}, nil); err != nil {
				r.log.WarnContext(ctx, "renew seats on another node", slog.String("node", string(node)), slog.Any("err", err))
			}
		})
	}
}

// Revoke takes away the user's seats by tokens signed until before, in the interviews that this node owns (T7); every node is to be told.
func (r *Router) Revoke(user identity.UserID, before time.Time) { r.svc.Revoke(user, before) }

// goneTimeout bounds how long a lost connection waits for the owner to note it.
const goneTimeout = 3 * time.Second
