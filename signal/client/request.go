package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"

	"parley/signal/wire"
)

// Do sends a request and returns the body of its answer. The errors are a *Refused, [ErrLost], [ErrClosed], or ctx's. While
// the session is away Do waits for it to come back.
func (s *Session) Do(ctx context.Context, b wire.Body) (wire.Body, error) {
	r, err := s.ask(ctx, b)
	if err != nil {
		return nil, err
	}
	return r.answer(ctx)
}

// request is one that was sent. Its answer is taken once.
type request struct {
	s   *Session
	ref string
	c   chan wire.Body
}

func (s *Session) ask(ctx context.Context, b wire.Body) (request, error) {
	conn, err := s.connected(ctx)
	if err != nil {
		return request{}, err
	}
	ref, c := s.expect()
	if err := write(ctx, conn, wire.Frame{Ref: ref, Body: b}); err != nil {
		s.forget(ref)
		return request{}, err
	}
	return request{s, ref, c}, nil
}

func (r request) answer(ctx context.Context) (wire.Body, error) {
	defer r.s.forget(r.ref)
	select {
	case answer, ok := <-r.c:
		if !ok {
			return nil, ErrLost
		}
		if e, refused := answer.(wire.Error); refused {
			return nil, (*Refused)(&e)
		}
		return answer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Ask is Do for an answer of a known kind.
func Ask[T wire.Body](ctx context.Context, s *Session, b wire.Body) (T, error) {
	answer, err := s.Do(ctx, b)
	if err != nil {
		var none T
		return none, err
	}
	t, ok := answer.(T)
	if !ok {
		return t, fmt.Errorf("%s answered by %s", b.Kind(), answer.Kind())
	}
	return t, nil
}

// Tell sends a frame that wants no answer. While the session is away it is an error.
func (s *Session) Tell(ctx context.Context, b wire.Body) error {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn == nil {
		return ErrLost
	}
	return write(ctx, conn, wire.Frame{Body: b})
}

// Send says a text in a conversation under a fresh cid; see [Session.Submit].
func (s *Session) Send(ctx context.Context, conversation, text string) (wire.ChatAck, error) {
	f, err := Text(conversation, text)
	if err != nil {
		return wire.ChatAck{}, err
	}
	return s.Submit(ctx, f)
}

// Text is a text message under a fresh cid.
func Text(conversation, text string) (wire.ChatSend, error) {
	content, err := json.Marshal(wire.TextContent{Text: text})
	if err != nil {
		return wire.ChatSend{}, fmt.Errorf("encode text: %w", err)
	}
	cid, err := uuid.NewV7()
	if err != nil {
		return wire.ChatSend{}, fmt.Errorf("make cid: %w", err)
	}
	return wire.ChatSend{Conversation: conversation, CID: cid.String(), Type: "text", Content: content}, nil
}

// Submit appends an entry and returns once it is durable. It tries again over losses of the connection and refusals that
// may pass, always with the same cid, until ctx ends: the entry is in the log at most once, and once if Submit returns nil.
func (s *Session) Submit(ctx context.Context, f wire.ChatSend) (wire.ChatAck, error) {
	for {
		ack, err := Ask[wire.ChatAck](ctx, s, f)
		wait, again := mayPass(err)
		if !again || ctx.Err() != nil {
			return ack, err
		}
		if wait >= 0 && !sleep(ctx, wait) {
			return ack, ctx.Err()
		}
	}
}

// Begin is the first half of [Session.Submit]: it sends the entry and does not wait for the answer, so that many are under way.
// What one goroutine begins in a conversation is in the log in the same order, unless some of it has to be sent again. Wait is
// the other half, and called once.
func (s *Session) Begin(ctx context.Context, f wire.ChatSend) (wait func(context.Context) (wire.ChatAck, error), err error) {
	r, err := s.ask(ctx, f)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (wire.ChatAck, error) {
		answer, err := r.answer(ctx)
		if pause, again := mayPass(err); again && ctx.Err() == nil {
			if pause >= 0 && !sleep(ctx, pause) {
				return wire.ChatAck{}, ctx.Err()
			}
			return s.Submit(ctx, f)
		}
		if err != nil {
			return wire.ChatAck{}, err
		}
		ack, ok := answer.(wire.ChatAck)
		if !ok {
			return ack, fmt.Errorf("%s answered by %s", f.Kind(), answer.Kind())
		}
		return ack, nil
	}, nil
}

// mayPass says whether an entry that was answered with err is to be sent again, and after how long; less than nothing is at
// once, when the session is back.
func mayPass(err error) (wait time.Duration, again bool) {
	if r, refused := errors.AsType[*Refused](err); refused {
		return time.Duration(r.RetryAfter) * time.Millisecond, r.Retry
	}
	return -1, errors.Is(err, ErrLost)
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(max(d, 50*time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Renew gives the session a newer token.
func (s *Session) Renew(ctx context.Context, token string) error {
	if _, err := s.Do(ctx, wire.Renew{Token: token}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
	return nil
}

func (s *Session) connected(ctx context.Context) (*websocket.Conn, error) {
	for {
		s.mu.Lock()
		conn, up := s.conn, s.up
		s.mu.Unlock()
		if conn != nil {
			return conn, nil
		}
		select {
		case <-up:
		case <-s.ctx.Done():
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// expect makes up a ref and a channel on which its answer comes; closed when the connection is lost.
func (s *Session) expect() (string, chan wire.Body) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ref++
	ref := strconv.FormatUint(s.ref, 10)
	c := make(chan wire.Body, 1)
	s.waiting[ref] = c
	return ref, c
}

func (s *Session) forget(ref string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, ref)
}

// writeTimeout is how long a write may take before the connection counts as lost.
const writeTimeout = 10 * time.Second

// write sends one frame. An error means that the connection is lost, unless ctx had ended before. A ctx that ends during
// the write does not stop it: a half-written frame would cost everybody on this session the connection.
func write(ctx context.Context, conn *websocket.Conn, f wire.Frame) error {
	line, err := wire.Encode(f)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, line); err != nil {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	return nil
}

// fetch reads the log after a seq for the journal; nothing when it can't be read now.
func (s *Session) fetch(conversation string, after uint64) []wire.Entry {
	page, err := Ask[wire.ChatPage](s.ctx, s, wire.ChatRead{Conversation: conversation, After: after, Limit: 200})
	if err != nil {
		return nil
	}
	return page.Entries
}
