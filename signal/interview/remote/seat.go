package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"parley/internal/cluster"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/interview"
	"parley/signal/wire"
)

// seatKey names a seat by its interview and its connection.
type seatKey struct {
	interview interview.ID
	seat      string
}

// link is the connection's end of a seat on another node.
type link struct {
	node   cluster.NodeID
	user   identity.UserID
	seat   interview.Seat
	stream *cluster.Stream
	turn   sync.Mutex // held while a frame of negotiation is under way, so that they arrive in their order
}

// chair is what is said about a seat: by which connection of which device.
type chair struct {
	Seat   string `json:"seat"`
	Device string `json:"device,omitempty"`
}

// note is one line of a seat's stream: the answer first, then frames for the client, or why the seat is lost.
type note struct {
	View  *wire.Interview `json:"view,omitempty"`
	Frame json.RawMessage `json:"frame,omitempty"`
	Lost  string          `json:"lost,omitempty"`
}

// sitting is Join or Resume of the service.
type sitting func(context.Context, identity.Principal, interview.ID, interview.Seat) (wire.Interview, error)

// Join implements gateway.Interviews.
func (r *Router) Join(ctx context.Context, p identity.Principal, id interview.ID, s interview.Seat) (wire.Interview, error) {
	return r.sit(ctx, p, id, s, mJoin, r.svc.Join)
}

// Resume implements gateway.Interviews.
func (r *Router) Resume(ctx context.Context, p identity.Principal, id interview.ID, s interview.Seat) (wire.Interview, error) {
	return r.sit(ctx, p, id, s, mResume, r.svc.Resume)
}

func (r *Router) sit(ctx context.Context, p identity.Principal, id interview.ID, s interview.Seat, method string, here sitting) (v wire.Interview, err error) {
	key := seatKey{id, s.ID}
	err = r.route(ctx, id, stepTimeout, func(ctx context.Context, node cluster.NodeID) (err error) {
		if node != "" {
			v, err = r.sitThere(ctx, node, method, p, key, s)
			return err
		}
		if v, err = here(ctx, p, id, s); err == nil {
			r.drop(key) // the interview has moved here
		}
		return err
	})
	return v, err
}

// sitThere takes the seat on another node and hands on what comes for it. A former stream of the same connection ends
// without a word when the new one stands.
func (r *Router) sitThere(ctx context.Context, node cluster.NodeID, method string, p identity.Principal, key seatKey, s interview.Seat) (wire.Interview, error) {
	q := request[chair]{Principal: p, Interview: key.interview, Body: chair{s.ID, s.Device}}
	stream, err := r.cl.Stream(ctx, node, method, q)
	if err != nil {
		return wire.Interview{}, err
	}
	stop := context.AfterFunc(ctx, stream.Close)
	var first note
	err = stream.Recv(&first)
	if !stop() && err == nil {
		err = fmt.Errorf("%w: %w", cluster.ErrUnreachable, ctx.Err())
	}
	if err == nil && first.View == nil {
		err = errors.New("remote: a seat's stream does not begin with its answer")
	}
	l := &link{node: node, user: p.User, seat: s, stream: stream}
	if err == nil && !r.keep(key, l) {
		err = policy.ErrUnavailable
	}
	if err != nil {
		stream.Close()
		return wire.Interview{}, err
	}
	return *first.View, nil
}

// keep notes the link in place of a former one and reads it; false when the Router has stopped.
func (r *Router) keep(key seatKey, l *link) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	if former := r.links[key]; former != nil {
		former.stream.Close()
	}
	r.links[key] = l
	r.work.Go(func() { r.listen(key, l) })
	return true
}

// listen hands on what comes for the seat until its stream ends. A stream that breaks is a seat that is lost, and the client
// is told to join again, unless it has been told why already; one that ends in order, or that another has replaced, tells
// nothing.
func (r *Router) listen(key seatKey, l *link) {
	defer l.stream.Close()
	told := false
	for {
		var n note
		err := l.stream.Recv(&n)
		if err == nil {
			err = l.hear(n)
			told = told || n.Lost != ""
		}
		if err == nil {
			continue
		}
		if r.forget(key, l) && !told && !errors.Is(err, io.EOF) && l.seat.Lost != nil {
			r.log.WarnContext(context.Background(), "seat on another node is lost", slog.String("interview", string(key.interview)),
				slog.String("node", string(l.node)), slog.Any("err", err))
			l.seat.Lost(interview.LostFailed)
		}
		return
	}
}

// hear takes one line.
func (l *link) hear(n note) error {
	if n.Lost != "" && l.seat.Lost != nil {
		l.seat.Lost(n.Lost)
	}
	if n.Frame == nil {
		return nil
	}
	f, err := wire.DecodeFrom(wire.Server, n.Frame)
	if err != nil {
		return fmt.Errorf("frame of a seat: %w", err)
	}
	l.seat.Send(f.Body)
	return nil
}

// forget takes the link off the list; false when it is not on it any more.
func (r *Router) forget(key seatKey, l *link) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.links[key] != l {
		return false
	}
	delete(r.links, key)
	return true
}

// drop gives up the seat's link, if there is one, without a word to the client.
func (r *Router) drop(key seatKey) {
	if l := r.link(key); l != nil && r.forget(key, l) {
		l.stream.Close()
	}
}

func (r *Router) link(key seatKey) *link {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.links[key]
}

// signal is a frame of negotiation on its way to the owner.
type signal struct {
	Seat  string          `json:"seat"`
	Frame json.RawMessage `json:"frame"`
}

// Signal implements gateway.Interviews. The frames of one seat arrive in their order: after one whose fate is unknown the
// seat is lost, and the client joins again.
func (r *Router) Signal(ctx context.Context, p identity.Principal, id interview.ID, seat string, b wire.Body) error {
	l := r.link(seatKey{id, seat})
	if l == nil {
		return r.svc.Signal(ctx, p, id, seat, b)
	}
	frame, err := wire.Encode(wire.Frame{Body: b})
	if err != nil {
		return fmt.Errorf("signal: %w", err)
	}
	l.turn.Lock()
	defer l.turn.Unlock()
	err = r.cl.Call(ctx, l.node, mSignal, request[signal]{p, id, signal{seat, frame}}, nil)
	if errors.Is(err, cluster.ErrUnreachable) {
		l.stream.Close()
		return policy.ErrUnavailable.After(retryAfter)
	}
	return err
}

// muting is a mute by one connection.
type muting struct {
	Seat string             `json:"seat"`
	Mute wire.InterviewMute `json:"mute"`
}

// Mute implements gateway.Interviews.
func (r *Router) Mute(ctx context.Context, p identity.Principal, seat string, m wire.InterviewMute) error {
	return r.route(ctx, interview.ID(m.Interview), stepTimeout, func(ctx context.Context, node cluster.NodeID) error {
		if node == "" {
			return r.svc.Mute(ctx, p, seat, m)
		}
		return r.cl.Call(ctx, node, mMute, request[muting]{Principal: p, Body: muting{seat, m}}, nil)
	})
}

// Leave implements gateway.Interviews.
func (r *Router) Leave(ctx context.Context, p identity.Principal, id interview.ID, seat string) error {
	err := r.route(ctx, id, stepTimeout, func(ctx context.Context, node cluster.NodeID) error {
		if node == "" {
			return r.svc.Leave(ctx, p, id, seat)
		}
		return r.cl.Call(ctx, node, mLeave, request[chair]{Principal: p, Interview: id, Body: chair{Seat: seat}}, nil)
	})
	if err == nil {
		r.drop(seatKey{id, seat})
	}
	return err
}

// Gone implements gateway.Interviews. An owner that can't be told notices by itself that the seat's stream ended.
func (r *Router) Gone(p identity.Principal, id interview.ID, seat string) {
	ctx, cancel := context.WithTimeout(context.Background(), goneTimeout)
	defer cancel()
	node := r.owner(ctx, id)
	if node == "" {
		r.svc.Gone(p, id, seat)
		return
	}
	err := r.cl.Call(ctx, node, mGone, request[chair]{Principal: p, Interview: id, Body: chair{Seat: seat}}, nil)
	if err != nil {
		r.log.WarnContext(ctx, "hold seat on another node", slog.String("interview", string(id)), slog.String("node", string(node)), slog.Any("err", err))
	}
	r.drop(seatKey{id, seat})
}
