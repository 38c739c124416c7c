package gateway

import (
	"context"
	"maps"
	"slices"
	"time"

	"parley/signal/interview"
	"parley/signal/wire"
)

// How sessions that may have missed hints are asked to look: no more than 2,000 a second on a node, each with the questions
// of a ping, so that all nodes together, when the bus was away for all, do not put down the database.
const (
	resyncSlice = 100
	resyncBeat  = 50 * time.Millisecond
)

// lose notes that hints to this node were lost. It does not wait.
func (g *Gateway) lose() {
	select {
	case g.lost <- struct{}{}:
	default: // the next round is still to begin
	}
}

// resync has all sessions look for what they missed, each time that hints were lost, until ctx ends.
func (g *Gateway) resync(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.lost:
			g.resyncAll(ctx)
		}
	}
}

func (g *Gateway) resyncAll(ctx context.Context) {
	pause := time.NewTicker(resyncBeat)
	defer pause.Stop()
	for slice := range slices.Chunk(g.sessions.all(), resyncSlice) {
		for _, s := range slice {
			s.box.doubt()
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

// lookAround finds what hints would have brought: a revocation (T7), entries, conversations that are new or have changed with
// their entries, and interviews. A cursor alone is not found; it comes with the next one.
func (s *session) lookAround() error {
	if s.revoked() {
		return revoked()
	}
	heads := s.heads()
	for _, id := range slices.Sorted(maps.Keys(heads)) {
		if m, known := s.marks.get(id); known && m.pushed < heads[id] {
			if err := s.show(id); err != nil {
				return err
			}
		}
	}
	if err := s.repair(heads); err != nil {
		return err
	}
	return s.showInterviews()
}

// showInterviews pushes the interviews that there are, and how those are now that the client knows to be open.
func (s *session) showInterviews() error {
	list, err := s.active()
	if err != nil {
		_ = s.refusal(s.ctx, wire.InterviewState{}.Kind(), err) // logs what is no refusal
		return nil
	}
	ask := maps.Clone(s.running)
	for _, view := range list {
		delete(ask, interview.ID(view.ID))
		if err := s.sendInterview(view); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(ask)) {
		if err := s.showInterview(string(id)); err != nil {
			return err
		}
	}
	return nil
}

// sendInterview pushes a view, and remembers whether the client has to hear of the interview's end.
func (s *session) sendInterview(view wire.Interview) error {
	s.note(view)
	return s.send("", wire.InterviewState{Interview: view})
}

func (s *session) note(view wire.Interview) {
	id := interview.ID(view.ID)
	switch {
	case view.State == string(interview.Ended):
		delete(s.running, id)
		delete(s.seats, id) // there is no seat in it any more
	case s.running == nil:
		s.running = map[interview.ID]struct{}{id: {}}
	default:
		s.running[id] = struct{}{}
	}
}
