package gateway

import (
	"context"
	"errors"
	"sync/atomic"

	"parley/signal/wire"
)

// maxUnderWay is how many requests of a session may wait for their answers at once. Beyond it the client's next frames wait.
const maxUnderWay = 64

// waiter waits for the answer to a request. It may be called again after its ctx has ended, and gives an answer that is there
// even then.
type waiter func(context.Context) (wire.Body, error)

// beginner is a handler whose answer comes later: it does what has to be done in the order of requests.
type beginner func(ctx context.Context, s *session, body wire.Body) (waiter, error)

// begins makes a beginner of a method on sessions for one kind of body.
func begins[T wire.Body](f func(*session, context.Context, T) (waiter, error)) beginner {
	return func(ctx context.Context, s *session, body wire.Body) (waiter, error) { return f(s, ctx, body.(T)) }
}

// pipelined is the table of requests that go on while those before them are under way. All others wait for those before them.
var pipelined = map[wire.Kind]beginner{
	wire.ChatSend{}.Kind(): begins((*session).chatSend),
	wire.CrowdSay{}.Kind(): begins((*session).crowdSay),
}

// reply is an answer that is due, in the order of requests. Until ready is set its body and err belong to who waits for it.
type reply struct {
	ref  string
	kind wire.Kind // of the request
	wait waiter

	ready atomic.Bool
	body  wire.Body
	err   error
}

// settle waits for the answer.
func (r *reply) settle(ctx context.Context) error {
	r.body, r.err = r.wait(ctx)
	r.ready.Store(true)
	return nil
}

// ended is a context that never lasted.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// poll settles the reply if its answer is there already.
func (r *reply) poll() bool {
	if r.ready.Load() {
		return true
	}
	body, err := r.wait(ended)
	if errors.Is(err, context.Canceled) {
		return false
	}
	r.body, r.err = body, err
	r.ready.Store(true)
	return true
}

// nextToSettle is the reply that the owner has to wait for as it gives its role back; nil when none is due, or another waits.
func (s *session) nextToSettle() *reply {
	if len(s.replies) == 0 || s.settling {
		return nil
	}
	s.settling = true
	return s.replies[0]
}

// answer sends what is ready of the answers that are due. Once one has come it looks for those that came with it.
func (s *session) answer() (did bool, err error) {
	for len(s.replies) > 0 {
		first := s.replies[0]
		if !first.ready.Load() && (s.settling || !did || !first.poll()) {
			return did, nil
		}
		s.settling = false
		s.replies[0] = nil
		if s.replies = s.replies[1:]; len(s.replies) == 0 {
			s.replies = nil
		}
		if err := s.respond(first.ref, first.kind, first.body, first.err); err != nil {
			return true, err
		}
		did = true
	}
	return did, nil
}

// mustWait says whether a request has to wait for answers before it: all but those of the table do, and everything once too
// much is under way. Pongs have no answer.
func (s *session) mustWait(b wire.Body) bool {
	if len(s.replies) == 0 {
		return false
	}
	k := b.Kind()
	return len(s.replies) >= maxUnderWay || pipelined[k] == nil && k != wire.Pong{}.Kind()
}

// promise queues the answer to a request: behind those that are under way.
func (s *session) promise(r *reply) error {
	if len(s.replies) == 0 && r.ready.Load() {
		return s.respond(r.ref, r.kind, r.body, r.err)
	}
	s.replies = append(s.replies, r)
	return nil
}

// refuse queues a refusal.
func (s *session) refuse(ref string, kind wire.Kind, err error) error {
	r := &reply{ref: ref, kind: kind, err: err}
	r.ready.Store(true)
	return s.promise(r)
}

// respond sends an answer.
func (s *session) respond(ref string, kind wire.Kind, answer wire.Body, err error) error {
	if err != nil {
		return s.send(ref, wireError(s.refusal(s.ctx, kind, err)))
	}
	if answer == nil || ref == "" && answer == (wire.Body)(wire.Done{}) {
		return nil
	}
	return s.send(ref, answer)
}
