package client

import (
	"context"
	"fmt"
	"time"

	"github.com/coder/websocket"

	"parley/signal/wire"
)

const helloTimeout = 20 * time.Second

// connect dials and says hello. Once it returns the session is up.
func (s *Session) connect(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, s.url, &websocket.DialOptions{HTTPClient: s.opt.HTTP, Subprotocols: []string{wire.Subprotocol}})
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	conn.SetReadLimit(wire.MaxAnswer)
	rest, err := s.hello(ctx, conn)
	if err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	if !s.raise(conn) {
		_ = conn.CloseNow()
		return nil, ErrClosed
	}
	for _, line := range rest {
		s.take(line)
	}
	return conn, nil
}

// raise makes the connection the session's, unless the session was closed meanwhile: Close has then not seen it.
func (s *Session) raise(conn *websocket.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.conn = conn
	close(s.up)
	return true
}

// hello returns the frames that came in one message with the welcome.
func (s *Session) hello(ctx context.Context, conn *websocket.Conn) ([][]byte, error) {
	s.mu.Lock()
	h := wire.Hello{Token: s.token, Device: s.opt.Device, Client: s.opt.Client, Lang: s.opt.Lang, Resume: s.log.cursors()}
	s.mu.Unlock()
	line, err := wire.Encode(wire.Frame{Ref: "hello", Body: h})
	if err != nil {
		return nil, err
	}
	if err := conn.Write(ctx, websocket.MessageText, line); err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	_, m, err := conn.Read(ctx)
	if err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	lines, err := wire.SplitMessage(wire.Server, m)
	if err != nil || len(lines) == 0 {
		return nil, fmt.Errorf("hello: answer is no frame: %w", err)
	}
	f, err := wire.DecodeFrom(wire.Server, lines[0])
	if err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	switch b := f.Body.(type) {
	case wire.Welcome:
		s.welcomed(b)
		return lines[1:], nil
	case wire.Error:
		return nil, (*Refused)(&b)
	}
	return nil, fmt.Errorf("hello: answered by %s", f.Body.Kind())
}

func (s *Session) welcomed(w wire.Welcome) {
	s.mu.Lock()
	s.welcome = w
	s.mu.Unlock()
	s.log.welcome(w.Conversations)
}

func (s *Session) read(conn *websocket.Conn) error {
	for {
		_, m, err := conn.Read(context.Background())
		if err != nil {
			return err
		}
		lines, err := wire.SplitMessage(wire.Server, m)
		if err != nil {
			return err
		}
		for _, line := range lines {
			s.take(line)
		}
	}
}

// take hands one frame on: to who waits for the answer, to the log, to a call, to Push. Kinds of a newer server are
// passed over.
func (s *Session) take(line []byte) {
	f, err := wire.DecodeFrom(wire.Server, line)
	if err != nil {
		return
	}
	if f.Ref != "" {
		s.answer(f)
		return
	}
	switch b := f.Body.(type) {
	case wire.Ping:
		_ = s.Tell(s.ctx, wire.Pong{Time: b.Time})
		s.log.heads(b.Heads)
	case wire.ChatEntry:
		s.log.entry(b.Entry)
		return
	case wire.ChatCursor:
		s.log.cursor(b)
		return
	case wire.ChatDirty:
		s.log.heads(map[string]uint64{b.Conversation: b.Head})
	case wire.ChatTruncated:
		s.log.truncate(b.Conversation, b.From)
	case wire.ChatConversation:
		s.log.conversation(b.Conversation)
	case wire.Bye:
		s.mu.Lock()
		s.wait = time.Duration(b.RetryAfter) * time.Millisecond
		s.mu.Unlock()
	}
	s.toCall(f.Body)
	s.log.push(f.Body)
}

func (s *Session) answer(f wire.Frame) {
	s.mu.Lock()
	c := s.waiting[f.Ref]
	delete(s.waiting, f.Ref)
	s.mu.Unlock()
	if c != nil {
		c <- f.Body
	}
}
