package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"parley/internal/identity"
	"parley/signal/wire"
)

// listener is a connection that takes what it is sent and decodes as little as it can, so that thousands fit beside a server.
type listener struct {
	conn  *websocket.Conn
	heard func([]byte) // each message; nil for none
}

// listen connects and says hello, and then the further frames.
func (p platform) listen(ctx context.Context, n int, role identity.Role, heard func([]byte), frames ...wire.Body) (*listener, error) {
	token, err := p.token(p.user(n, role), role)
	if err != nil {
		return nil, err
	}
	conn, _, err := websocket.Dial(ctx, p.url+"/v1/ws", &websocket.DialOptions{Subprotocols: []string{wire.Subprotocol}})
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	conn.SetReadLimit(wire.MaxAnswer)
	l := &listener{conn, heard}
	for i, b := range append([]wire.Body{wire.Hello{Token: token, Device: "load", Client: "parley-load"}}, frames...) {
		if err := l.ask(ctx, strconv.Itoa(i), b); err != nil {
			_ = conn.CloseNow()
			return nil, err
		}
	}
	return l, nil
}

// ask sends a frame and waits for its answer.
func (l *listener) ask(ctx context.Context, ref string, b wire.Body) error {
	line, err := wire.Encode(wire.Frame{Ref: ref, Body: b})
	if err == nil {
		err = l.conn.Write(ctx, websocket.MessageText, line)
	}
	for answered := false; err == nil && !answered; {
		var message []byte
		if _, message, err = l.conn.Read(ctx); err == nil {
			answered, err = answers(message, ref)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", b.Kind(), err)
	}
	return nil
}

func answers(message []byte, ref string) (bool, error) {
	lines, err := wire.SplitMessage(wire.Server, message)
	if err != nil {
		return false, err
	}
	for _, line := range lines {
		f, err := wire.DecodeFrom(wire.Server, line)
		if err != nil || f.Ref != ref {
			continue
		}
		if e, refused := f.Body.(wire.Error); refused {
			return false, fmt.Errorf("refused: %s", e.ID)
		}
		return true, nil
	}
	return false, nil
}

var (
	pingMark = []byte(`"kind":"ping"`)
	pongLine = []byte(`{"kind":"pong"}`)
)

// run reads until the connection ends, and answers pings.
func (l *listener) run() {
	for {
		_, message, err := l.conn.Read(context.Background())
		if err != nil {
			return
		}
		if bytes.Contains(message, pingMark) {
			if l.conn.Write(context.Background(), websocket.MessageText, pongLine) != nil {
				return
			}
		}
		if l.heard != nil {
			l.heard(message)
		}
	}
}

// audience is many listeners.
type audience struct {
	all     []*listener
	reading sync.WaitGroup
}

// gather connects count listeners, some at a time. open connects the n-th.
func gather(count int, open func(n int) (*listener, error)) (*audience, error) {
	const atOnce = 64
	a := &audience{all: make([]*listener, count)}
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var work sync.WaitGroup
	for range min(atOnce, count) {
		work.Go(func() {
			for failed.Load() == nil {
				n := int(next.Add(1)) - 1
				if n >= count {
					return
				}
				l, err := open(n)
				if err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				a.all[n] = l
				a.reading.Go(l.run)
			}
		})
	}
	work.Wait()
	if err := failed.Load(); err != nil {
		a.close()
		return nil, *err
	}
	return a, nil
}

func (a *audience) close() {
	for _, l := range a.all {
		if l != nil {
			_ = l.conn.CloseNow()
		}
	}
	a.reading.Wait()
}

// openPairs opens conversations 0 to count-1, as fast as the server lets the platform.
func (p platform) openPairs(ctx context.Context, count int) ([]string, error) {
	const atOnce = 16
	ids := make([]string, count)
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var work sync.WaitGroup
	for range atOnce {
		work.Go(func() {
			for failed.Load() == nil {
				n := int(next.Add(1)) - 1
				if n >= count {
					return
				}
				id, err := p.openPatiently(ctx, n)
				if err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				ids[n] = id
			}
		})
	}
	work.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return ids, nil
}

// openPatiently tries again for a while when the server says that it is too much.
func (p platform) openPatiently(ctx context.Context, n int) (id string, err error) {
	for range 100 {
		if id, err = p.open(ctx, n); err == nil || !tooMany(err) {
			return id, err
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return "", err
		}
	}
	return "", err
}
