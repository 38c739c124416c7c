package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"parley/internal/identity"
	"parley/signal/client"
	"parley/signal/wire"
)

// hall is a server and the people in its interviews.
type hall struct {
	data     string // folder
	server   *process
	platform platform
	people   []*person
}

// person is one side of an interview.
type person struct {
	interview string
	user      string
	session   *client.Session
	call      *client.Call
	sent      *sentLog
}

// serve starts a server on the data.
func (h *hall) serve(ctx context.Context) (err error) {
	var about node
	if h.server, err = startServer(ctx, &about, "serve", "--data", h.data); err != nil {
		return err
	}
	h.platform = newPlatform(about.HTTP, about.KeyID, about.Secret)
	return nil
}

// close ends what still runs.
func (h *hall) close() {
	h.leave()
	if h.server != nil {
		_ = h.stop() // an error came before
	}
}

func (h *hall) stop() error {
	s := h.server
	h.server = nil
	return s.stop()
}

// crash kills the server.
func (h *hall) crash() {
	h.server.kill()
	_ = h.stop() // it was killed
}

// leave has everybody go without a word, all at once: who can't say goodbye waits for the server a while.
func (h *hall) leave() {
	var work sync.WaitGroup
	for _, p := range h.people {
		work.Go(func() {
			if p.call != nil {
				_ = p.call.Close()
			}
			_ = p.session.Close()
		})
	}
	work.Wait()
	h.people = nil
}

const (
	pictures    = 30 // a second; of about 1.7 kB
	connectTime = 30 * time.Second
)

// fill has n interviews begin and returns when all of them send.
func (h *hall) fill(ctx context.Context, n int) error {
	for i := range n {
		if err := h.begin(ctx, i); err != nil {
			return fmt.Errorf("begin interview: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	for _, p := range h.people {
		select {
		case <-p.call.Connected():
		case <-p.call.Done():
			return fmt.Errorf("connect: %w", p.call.Err())
		case <-ctx.Done():
			return fmt.Errorf("connect: %w", ctx.Err())
		}
	}
	return nil
}

// begin opens the n-th interview; both sides agree to the recording and join.
func (h *hall) begin(ctx context.Context, n int) error {
	conversation, err := h.platform.open(ctx, n)
	if err != nil {
		return err
	}
	var sides []*person
	for _, role := range []identity.Role{identity.Recruiter, identity.Candidate} {
		s, err := h.platform.dial(ctx, n, role, client.Options{Device: "load"})
		if err != nil {
			return err
		}
		p := &person{user: h.platform.user(n, role), session: s, sent: &sentLog{streams: map[uint32]*sentStream{}}}
		h.people, sides = append(h.people, p), append(sides, p)
	}
	state, err := client.Ask[wire.InterviewState](ctx, sides[0].session, wire.InterviewOpen{Conversation: conversation})
	if err != nil {
		return err
	}
	for _, p := range sides {
		if err := p.join(ctx, state.Interview); err != nil {
			return err
		}
	}
	return nil
}

func (p *person) join(ctx context.Context, i wire.Interview) error {
	p.interview = i.ID
	if _, err := p.session.Do(ctx, wire.InterviewConsent{Interview: i.ID, Version: i.Notice, Agree: true}); err != nil {
		return fmt.Errorf("consent: %w", err)
	}
	api, err := client.NewAPI(webrtc.SettingEngine{}, p.sent)
	if err != nil {
		return err
	}
	p.call, err = p.session.Join(ctx, i.ID, client.CallOptions{Audio: true, Video: true, Frames: pictures, API: api})
	return err
}

// arrive is how long what was sent may take to be in the journals: packets that were lost are asked for again.
const arrive = time.Second

// end has everybody fall silent, and then hang up.
func (h *hall) end(ctx context.Context) error {
	for _, p := range h.people {
		for _, track := range []string{"camera", "microphone"} {
			if err := p.call.Mute(ctx, track, true); err != nil {
				return fmt.Errorf("mute: %w", err)
			}
		}
	}
	if err := pause(ctx, arrive); err != nil {
		return err
	}
	var errs []error
	for i := 0; i < len(h.people); i += 2 {
		_, err := h.people[i].session.Do(ctx, wire.InterviewEnd{Interview: h.people[i].interview})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
