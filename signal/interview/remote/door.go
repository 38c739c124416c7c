package remote

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"parley/internal/cluster"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/interview"
	"parley/signal/wire"
)

// door answers the Routers of other nodes for the interviews that are owned here.
type door struct {
	r   *Router
	svc *interview.Service

	mu    sync.Mutex
	seats map[seatKey]*place
}

// place is where the streams of one connection's seat come and go: one that ends after another has taken the same seat must
// not take it for lost.
type place struct {
	turn   sync.Mutex // held while a stream takes the seat, or gives it up
	latest *cluster.Outlet
	users  int // guarded by door.mu
}

func newDoor(r *Router) *door {
	d := &door{r: r, svc: r.svc, seats: map[seatKey]*place{}}
	handle(r.cl, mOpen, func(ctx context.Context, q request[interview.Spec]) (any, error) {
		return d.svc.Open(ctx, q.Principal, q.Body)
	})
	handle(r.cl, mView, func(ctx context.Context, q request[nothing]) (any, error) {
		return shown(ctx, d, q, d.svc.View)
	})
	handle(r.cl, mReceipts, func(ctx context.Context, q request[nothing]) (any, error) {
		return shown(ctx, d, q, d.svc.Receipts)
	})
	handle(r.cl, mViews, d.views)
	handle(r.cl, mConsent, func(ctx context.Context, q request[wire.InterviewConsent]) (any, error) {
		return nil, d.svc.Consent(ctx, q.Principal, q.Body)
	})
	handle(r.cl, mWithdraw, func(ctx context.Context, q request[nothing]) (any, error) {
		return nil, d.svc.Withdraw(ctx, q.Principal, q.Interview)
	})
	handle(r.cl, mEnd, func(ctx context.Context, q request[nothing]) (any, error) {
		return nil, d.svc.End(ctx, q.Principal, q.Interview)
	})
	handle(r.cl, mMute, func(ctx context.Context, q request[muting]) (any, error) {
		return nil, d.svc.Mute(ctx, q.Principal, q.Body.Seat, q.Body.Mute)
	})
	handle(r.cl, mLeave, func(ctx context.Context, q request[chair]) (any, error) {
		return nil, d.svc.Leave(ctx, q.Principal, q.Interview, q.Body.Seat)
	})
	handle(r.cl, mGone, func(_ context.Context, q request[chair]) (any, error) {
		d.svc.Gone(q.Principal, q.Interview, q.Body.Seat)
		return nil, nil
	})
	handle(r.cl, mRenew, func(_ context.Context, q request[nothing]) (any, error) {
		d.svc.Renew(q.Principal)
		return nil, nil
	})
	handle(r.cl, mSignal, d.signal)
	r.cl.HandleStream(mJoin, d.sit(r.svc.Join))
	r.cl.HandleStream(mResume, d.sit(r.svc.Resume))
	return d
}

// handle serves a method whose request has a body of type T.
func handle[T any](c *cluster.Cluster, name string, f func(context.Context, request[T]) (any, error)) {
	c.Handle(name, func(ctx context.Context, in json.RawMessage) (any, error) {
		var q request[T]
		if err := json.Unmarshal(in, &q); err != nil {
			return nil, policy.ErrBadRequest
		}
		return f(ctx, q)
	})
}

// shown is what the owner shows; the table of leases says who else it is when it is not this node.
func shown[A any](ctx context.Context, d *door, q request[nothing], show func(context.Context, identity.Principal, interview.ID) (A, error)) (any, error) {
	if !d.svc.Holds(q.Interview) {
		if node := d.r.where(ctx, q.Interview); node != "" {
			return nil, &cluster.Elsewhere{Node: node}
		}
	}
	return show(ctx, q.Principal, q.Interview)
}

// views leaves out what can't be shown.
func (d *door) views(ctx context.Context, q request[[]interview.ID]) (any, error) {
	var all []wire.Interview
	for _, id := range q.Body {
		v, err := d.svc.View(ctx, q.Principal, id)
		if _, refused := errors.AsType[*policy.Refusal](err); refused {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

func (d *door) signal(ctx context.Context, q request[signal]) (any, error) {
	f, err := wire.DecodeFrom(wire.Client, q.Body.Frame)
	if err != nil {
		return nil, policy.ErrBadRequest
	}
	return nil, d.svc.Signal(ctx, q.Principal, q.Interview, q.Body.Seat, f.Body)
}

// sit serves a seat's stream: from taking the seat until it is over, or until the stream breaks and the seat is held.
func (d *door) sit(take sitting) func(context.Context, json.RawMessage, *cluster.Outlet) error {
	return func(ctx context.Context, in json.RawMessage, out *cluster.Outlet) error {
		var q request[chair]
		if err := json.Unmarshal(in, &q); err != nil {
			return policy.ErrBadRequest
		}
		at := d.enter(seatKey{q.Interview, q.Body.Seat})
		defer d.leave(seatKey{q.Interview, q.Body.Seat}, at)
		v := &voice{out: out, over: make(chan struct{})}
		if err := d.take(ctx, at, q, v, take); err != nil {
			return err
		}
		select {
		case <-v.over:
		case <-ctx.Done():
			d.lose(at, q, out)
		}
		return nil
	}
}

// take has the seat taken and the answer sent before everything else. A seat whose outcome is unknown is given up.
func (d *door) take(ctx context.Context, at *place, q request[chair], v *voice, take sitting) error {
	at.turn.Lock()
	at.latest = v.out
	view, err := take(ctx, q.Principal, q.Interview, interview.Seat{ID: q.Body.Seat, Device: q.Body.Device,
		Send: v.send, Lost: v.lost, Over: func() { close(v.over) }})
	at.turn.Unlock()
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, policy.ErrUnavailable) {
			d.lose(at, q, v.out)
		}
		return err
	}
	v.answer(view)
	return nil
}

// lose holds the seat for its client to come back, unless another stream has it.
func (d *door) lose(at *place, q request[chair], out *cluster.Outlet) {
	at.turn.Lock()
	defer at.turn.Unlock()
	if at.latest == out {
		d.svc.Gone(q.Principal, q.Interview, q.Body.Seat)
	}
}

func (d *door) enter(key seatKey) *place {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.seats[key]
	if p == nil {
		p = &place{}
		d.seats[key] = p
	}
	p.users++
	return p
}

func (d *door) leave(key seatKey, p *place) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.users--; p.users == 0 {
		delete(d.seats, key)
	}
}

// voice is how a seat speaks through its stream. What it says before the answer waits behind it. None of it blocks: a stream
// that does not keep up is cut, and its context ends.
type voice struct {
	out  *cluster.Outlet
	over chan struct{}

	mu       sync.Mutex
	answered bool
	waiting  []note
}

func (v *voice) say(n note) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.answered {
		v.waiting = append(v.waiting, n)
		return
	}
	_ = v.out.Send(n) // refused only where the stream is cut, and its end tells
}

func (v *voice) answer(view wire.Interview) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answered = true
	for _, n := range append([]note{{View: &view}}, v.waiting...) {
		_ = v.out.Send(n) // as above
	}
	v.waiting = nil
}

func (v *voice) send(b wire.Body) {
	if frame, err := wire.Encode(wire.Frame{Body: b}); err == nil { // what can't be encoded no client could read
		v.say(note{Frame: frame})
	}
}

func (v *voice) lost(reason string) { v.say(note{Lost: reason}) }
