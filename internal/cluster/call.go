package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"parley/internal/policy"
)

// MaxBody bounds what one call carries either way, and one line of a stream, in bytes.
const MaxBody = 1 << 20

// ErrUnreachable says that a node can't be called or did not answer: whether the call took effect is unknown.
var ErrUnreachable = errors.New("cluster: the node can't be reached")

// What a call's headers carry.
const (
	headerTo      = "Parley-To"      // the node that is meant: an address may have passed to another one
	headerTimeout = "Parley-Timeout" // milliseconds that are left of the caller's deadline
)

// Limits of a connection between two nodes. One that carries nothing for pingEvery is probed, and given up after pingWait
// more without an answer, by either end: a network that swallows everything is noticed within 5 s.
const (
	pingEvery  = 2 * time.Second
	pingWait   = 3 * time.Second
	maxStreams = 20_000
	window     = 256 << 10 // bytes in flight a stream, beside the sender's own queue
)

// newClient allocates what makes the calls. It keeps one connection to each node.
func (c *Cluster) newClient() *http.Client {
	var only http.Protocols
	only.SetHTTP2(true)
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialTLSContext: c.dial, Protocols: &only, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 16 << 10,
			HTTP2: &http.HTTP2Config{SendPingTimeout: pingEvery, PingTimeout: pingWait, WriteByteTimeout: pingWait,
				MaxReceiveBufferPerStream: window},
		}}
}

// dial opens a connection with the certificates as they are now.
func (c *Cluster) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conf, err := c.creds.client()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return (&tls.Dialer{Config: conf}).DialContext(ctx, network, addr)
}

// Call has the method run on the node and reads its answer into out, unless that is nil. The deadline of ctx travels along;
// without one it is 5 s. Errors: [*policy.Refusal] and [*Elsewhere] as the method returned them, policy.ErrInternal for
// whatever else failed there, [ErrUnreachable].
func (c *Cluster) Call(ctx context.Context, to NodeID, method string, in, out any) (err error) {
	began := time.Now()
	defer func() { c.metrics.called(method, began, err) }()
	ctx, cancel := bounded(ctx)
	defer cancel()
	resp, err := c.post(ctx, to, "/call/"+method, in)
	if err != nil {
		return fmt.Errorf("call %s: %w", method, err)
	}
	defer resp.Body.Close()
	body, err := readAll(resp.Body)
	if err != nil {
		return fmt.Errorf("call %s: %w: %w", method, ErrUnreachable, bare(err))
	}
	if err := answered(resp.StatusCode, body); err != nil {
		return fmt.Errorf("call %s: %w", method, err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("call %s: read answer: %w", method, err)
	}
	return nil
}

// bounded gives a call that may wait for ever a deadline.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, callTimeout)
}

// post sends the request and returns once the answer begins.
func (c *Cluster) post(ctx context.Context, to NodeID, path string, in any) (*http.Response, error) {
	addr, err := c.address(ctx, to)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	if len(body) > MaxBody {
		return nil, policy.ErrTooLarge
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+addr+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: its address is none", ErrUnreachable)
	}
	req.Header.Set(headerTo, string(to))
	if at, ok := ctx.Deadline(); ok {
		req.Header.Set(headerTimeout, strconv.FormatInt(max(time.Until(at).Milliseconds(), 1), 10))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, bare(err))
	}
	return resp, nil
}

// bare takes the URL, the addresses and the names of hosts off an error of the network. A time-out in it stays one.
func bare(err error) error {
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("look up host: %s", e.Err)
	}
	if e, ok := errors.AsType[*net.AddrError](err); ok {
		return fmt.Errorf("address: %s", e.Err)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// address is where the node is called: as last looked at, or else as the store has it.
func (c *Cluster) address(ctx context.Context, to NodeID) (string, error) {
	c.mu.Lock()
	p, known := c.living[to]
	c.mu.Unlock()
	if !known {
		alive, err := c.Members(ctx)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		for _, m := range alive {
			if m.Node == to {
				p = m
			}
		}
	}
	if p.Address == "" || to == c.cfg.Node {
		return "", fmt.Errorf("%w: it has no address", ErrUnreachable)
	}
	return p.Address, nil
}

// readAll reads a body that must not be larger than MaxBody.
func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxBody+1))
	if err != nil {
		return nil, err
	}
	if len(b) > MaxBody {
		return nil, policy.ErrTooLarge
	}
	return b, nil
}

// problem is an error as it travels. The zero value is one that nobody is told about.
type problem struct {
	Refusal   *policy.Refusal `json:"refusal,omitempty"`
	Elsewhere NodeID          `json:"elsewhere,omitempty"`
}

func (p problem) err() error {
	switch {
	case p.Elsewhere != "":
		return &Elsewhere{p.Elsewhere}
	case p.Refusal != nil:
		return p.Refusal
	}
	return policy.ErrInternal
}

// answered reads a status. One that is no method's answer comes from the door.
func answered(status int, body []byte) error {
	switch status {
	case http.StatusOK:
		return nil
	case http.StatusUnprocessableEntity:
		var p problem
		if err := json.Unmarshal(body, &p); err != nil {
			return fmt.Errorf("read refusal: %w", err)
		}
		return p.err()
	case http.StatusRequestEntityTooLarge:
		return policy.ErrTooLarge
	case http.StatusNotFound:
		return errors.New("the node does not know the method")
	}
	return fmt.Errorf("%w: it answered with status %d", ErrUnreachable, status)
}
