package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// ErrSlow says that the caller of a stream did not keep up; the stream is cut.
var ErrSlow = errors.New("cluster: the caller of the stream is too slow")

// line is one line of a stream: a value, or the end with its error if there was one. A stream that ends without an end
// was cut.
type line struct {
	Value   json.RawMessage `json:"v,omitempty"`
	End     bool            `json:"end,omitempty"`
	Problem *problem        `json:"problem,omitempty"`
}

// Stream is the caller's end of a stream. One goroutine may call Recv; any may call Close.
type Stream struct {
	body   io.ReadCloser
	lines  *bufio.Reader
	cancel context.CancelFunc
}

// Stream has the method run on the node and send lines until it ends. It returns when the node has begun; ctx counts until
// then only. The caller must Close the stream. Errors are those of [Cluster.Call].
func (c *Cluster) Stream(ctx context.Context, to NodeID, method string, in any) (_ *Stream, err error) {
	began := time.Now()
	defer func() { c.metrics.called(method, began, err) }()
	ctx, done := bounded(ctx)
	defer done()
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	resp, err := c.post(life, to, "/stream/"+method, in)
	if !stop() && err == nil {
		resp.Body.Close()
		err = fmt.Errorf("%w: %w", ErrUnreachable, ctx.Err())
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("stream %s: %w", method, err)
	}
	s := &Stream{body: resp.Body, lines: bufio.NewReader(resp.Body), cancel: cancel}
	if resp.StatusCode != http.StatusOK {
		defer s.Close()
		body, _ := readAll(resp.Body) // the status says enough
		return nil, fmt.Errorf("stream %s: %w", method, answered(resp.StatusCode, body))
	}
	return s, nil
}

// Recv reads the next line into v and waits for it. io.EOF when the method has ended; its error if it had one, as of
// [Cluster.Call]; [ErrUnreachable] when the stream was cut, also by Close.
func (s *Stream) Recv(v any) error {
	b, err := s.read()
	if err != nil {
		return fmt.Errorf("%w: stream: %w", ErrUnreachable, bare(err))
	}
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		return fmt.Errorf("read line of stream: %w", err)
	}
	switch {
	case l.Problem != nil:
		return l.Problem.err()
	case l.End:
		return io.EOF
	}
	if err := json.Unmarshal(l.Value, v); err != nil {
		return fmt.Errorf("read line of stream: %w", err)
	}
	return nil
}

// read reads one line of a bounded length.
func (s *Stream) read() ([]byte, error) {
	var all []byte
	for {
		part, err := s.lines.ReadSlice('\n')
		if all = append(all, part...); len(all) > MaxBody+64 {
			return nil, errors.New("a line is too long")
		}
		if err == nil {
			return all, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}

// Close cuts the stream; the method's context ends. It may be called more than once.
func (s *Stream) Close() {
	s.cancel()
	_ = s.body.Close() // says nothing that matters any more
}

// Outlet is the serving end of a stream. Any goroutine may call Send.
type Outlet struct {
	limit int
	cut   context.CancelFunc // ends the method's context

	mu     sync.Mutex
	queue  []byte
	slow   bool
	ended  bool
	filled chan struct{} // of capacity 1
}

func newOutlet(limit int, cut context.CancelFunc) *Outlet {
	return &Outlet{limit: limit, cut: cut, filled: make(chan struct{}, 1)}
}

// Send queues a line for the caller. It never waits. [ErrSlow] when the queue is full: then the stream is cut and takes no
// more. What is queued when the connection breaks is lost.
func (o *Outlet) Send(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode line: %w", err)
	}
	return o.put(line{Value: b})
}

func (o *Outlet) put(l line) error {
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode line: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.slow:
		return ErrSlow
	case o.ended:
		return io.ErrClosedPipe
	case len(o.queue)+len(b) > o.limit || len(b) > MaxBody:
		o.slow, o.queue = true, nil
		o.cut()
		return ErrSlow
	}
	o.queue = append(append(o.queue, b...), '\n')
	o.ended = l.End
	select {
	case o.filled <- struct{}{}:
	default:
	}
	return nil
}

// take gives what is queued, and whether that was all there will be.
func (o *Outlet) take() (load []byte, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	load, o.queue = o.queue, nil
	return load, o.ended || o.slow
}

// pump writes what is queued until the end is written or ctx ends.
func (o *Outlet) pump(ctx context.Context, w http.ResponseWriter, patience time.Duration) error {
	for {
		load, last := o.take()
		if len(load) > 0 {
			if err := write(w, load, patience); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
		select {
		case <-o.filled:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// write takes its deadline back: one that passes while nothing is being written cuts the stream as well.
func write(w http.ResponseWriter, load []byte, patience time.Duration) error {
	to := http.NewResponseController(w)
	if err := to.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := w.Write(load); err != nil {
		return err
	}
	return errors.Join(to.Flush(), to.SetWriteDeadline(time.Time{}))
}
