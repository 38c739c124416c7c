package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/policy"
	"parley/signal/media"
	"parley/signal/sfu"
	"parley/signal/wire"
)

// serveSfuCommand is the SFU alone, with one room.
type serveSfuCommand struct {
	Peers   int    `default:"128" help:"How many may be in the room."`
	Plain   bool   `help:"Send each packet by itself."`
	Profile string `help:"Write a processor profile of the whole life to this file."`
}

// signalling is one line between the load and the SFU, in either direction.
type signalling struct {
	Peer sfu.PeerID `json:"peer,omitempty"`
	// Join lets the peer in, as a publisher of a camera or as somebody who only watches.
	Join    bool `json:"join,omitempty"`
	Publish bool `json:"publish,omitempty"`
	// Frame is one of the client protocol.
	Frame json.RawMessage `json:"frame,omitempty"`
	// Count asks for the counters, and is the answer.
	Count *counters `json:"count,omitempty"`
}

// counters are what only the server itself knows.
type counters struct {
	Datagrams   float64 `json:"datagrams"`
	SystemCalls float64 `json:"system_calls"`
	Allocations float64 `json:"allocations"` // of the whole server
}

// stage is a room and who is in it.
type stage struct {
	room    *sfu.Room
	metrics *prometheus.Registry
	peers   map[sfu.PeerID]*sfu.Peer
	sink    media.Sink // of publishers; nil for none

	mu  sync.Mutex
	out *json.Encoder
}

// Run serves until the parent ends.
func (c serveSfuCommand) Run(ctx context.Context, out io.Writer) error {
	stopProfile, err := profile(c.Profile)
	if err != nil {
		return err
	}
	defer stopProfile()
	if childInput == nil {
		return fmt.Errorf("serve-sfu is started by parley-load itself: %w", errUsage)
	}
	offload := sfu.OffloadOn
	if c.Plain {
		offload = sfu.OffloadOff
	}
	st, closeAll, err := openStage(c.Peers, "127.0.0.1", offload, out, nil)
	if err != nil {
		return err
	}
	if err := sayReady(out, struct{}{}); err != nil {
		return errors.Join(err, closeAll())
	}
	return errors.Join(st.serve(ctx, childInput), closeAll())
}

// openStage opens an SFU as internal/server wires it and a room.
func openStage(peers int, address string, offload sfu.Offload, out io.Writer, sink media.Sink) (*stage, func() error, error) {
	reg := prometheus.NewRegistry()
	at, err := netip.ParseAddr(address)
	if err != nil {
		return nil, nil, fmt.Errorf("open SFU: %w", err)
	}
	s := sfu.New(sfu.Config{UDP: netip.AddrPortFrom(at, 0),
		Workers: min(runtime.GOMAXPROCS(0), 8), Metrics: reg, Offload: offload})
	if err := s.Open(); err != nil {
		return nil, nil, fmt.Errorf("open SFU: %w", err)
	}
	room, err := s.NewRoom("load", sfu.RoomConfig{MaxPeers: peers})
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	st := &stage{room: room, metrics: reg, peers: map[sfu.PeerID]*sfu.Peer{}, sink: sink, out: json.NewEncoder(out)}
	return st, s.Close, nil
}

// serve takes signalling until its end.
func (st *stage) serve(ctx context.Context, in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() && ctx.Err() == nil {
		var s signalling
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return fmt.Errorf("read signalling: %w", err)
		}
		if err := st.take(s); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (st *stage) take(s signalling) error {
	switch {
	case s.Count != nil:
		count, err := st.count()
		if err != nil {
			return err
		}
		st.send(signalling{Count: &count})
		return nil
	case s.Join:
		return st.join(s)
	}
	f, err := wire.Decode(s.Frame)
	if err != nil {
		return fmt.Errorf("decode frame: %w", err)
	}
	p := st.peers[s.Peer]
	if p == nil {
		return fmt.Errorf("frame of peer %s: %w", s.Peer, policy.ErrNotFound)
	}
	if err := p.Handle(f.Body); err != nil {
		return fmt.Errorf("handle %s: %w", f.Body.Kind(), err)
	}
	return nil
}

func (st *stage) join(s signalling) error {
	cfg := sfu.PeerConfig{ID: s.Peer, Publish: sfu.Publish{Video: s.Publish}, Send: func(b wire.Body) { st.frame(s.Peer, b) }}
	if s.Publish {
		cfg.Sink = st.sink
	}
	p, err := st.room.Join(cfg)
	if err != nil {
		return err
	}
	st.peers[s.Peer] = p
	return nil
}

func (st *stage) frame(to sfu.PeerID, b wire.Body) {
	encoded, err := wire.Encode(wire.Frame{Body: b})
	if err == nil {
		st.send(signalling{Peer: to, Frame: encoded})
	}
}

// send writes a line; a parent that is gone reads nothing, and we end soon.
func (st *stage) send(s signalling) {
	st.mu.Lock()
	defer st.mu.Unlock()
	_ = st.out.Encode(s)
}

func (st *stage) count() (counters, error) {
	families, err := st.metrics.Gather()
	if err != nil {
		return counters{}, fmt.Errorf("read counters: %w", err)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	c := counters{Allocations: float64(memory.Mallocs)}
	for _, f := range families {
		switch f.GetName() {
		case "parley_sfu_udp_datagrams_total":
			c.Datagrams = f.GetMetric()[0].GetCounter().GetValue()
		case "parley_sfu_udp_system_calls_total":
			c.SystemCalls = f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return c, nil
}
