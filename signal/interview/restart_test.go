package interview_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/internal/testenv/bubble"
	"parley/signal/interview"
	"parley/signal/wire"
)

func TestALiveInterviewOutlivesARestart(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, _, _ := w.live()
		before := w.view(candidate, id)
		w.stop()
		if got := w.recorder.last(t).end(); got != "shutdown" {
			t.Errorf("the part ended as %q", got)
		}
		bubble.Pass(time.Hour)
		w.run()
		v := w.view(candidate, id)
		if v.State != "live" || v.Recording || side(t, v, "ann").Present {
			t.Errorf("after the restart: %+v", v)
		}
		bubble.Pass(50 * time.Second)
		w.rejoin(candidate, id)
		bubble.Pass(50 * time.Second)
		w.rejoin(recruiter, id)
		v = w.view(candidate, id)
		if v.State != "live" || !v.Recording || len(w.recorder.all()) != 2 || !v.Live.Equal(*before.Live) || !v.RecordedSince.Equal(*before.RecordedSince) {
			t.Errorf("after coming back: %+v, %d parts", v, len(w.recorder.all()))
		}
		w.must(w.End(t.Context(), candidate, id))
		synctest.Wait()
		w.ended(id, interview.Hangup)
		if r := w.hub.got(); len(r) != 1 || len(r[0].Heads) != 2 {
			t.Errorf("receipts %+v", r)
		}
	})
}

func TestAnInterviewThatNobodyComesBackToEndsWhereItsRecordingDid(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, _, _ := w.live()
		bubble.Pass(5 * time.Minute)
		w.stop()
		bubble.Pass(time.Hour)
		w.run()
		bubble.Pass(61 * time.Second)
		w.ended(id, interview.Interrupted)
		cards := w.chat.cards()
		if last := cards[len(cards)-1]; last.Duration != (5 * time.Minute).Milliseconds() {
			t.Errorf("duration %d ms", last.Duration)
		}
	})
}

func TestAWithdrawalThatACrashKeptFromBeingFollowedEndsTheInterview(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, _, _ := w.live()
		w.stop()
		m := privacy.Matter{Subject: "ann", Purpose: policy.InterviewRecording, Context: string(id)}
		w.must(w.ledger.Withdraw(t.Context(), m)) // in the ledger, and the process died before anything came of it
		w.run()
		synctest.Wait()
		w.ended(id, interview.Withdrawn)
		_, err := w.Join(t.Context(), recruiter, id, newBrowser("d").Seat)
		refused(t, "the other side joins", err, policy.ErrGone)
	})
}

func TestALiveInterviewThatCouldNotBeLoadedAtTheStartEndsAllTheSame(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, _, _ := w.live()
		w.stop()
		w.consents.Break(errors.New("database is locked"))
		w.run()
		bubble.Pass(20 * time.Second)
		w.consents.Break(nil)
		bubble.Pass(2 * time.Minute)
		w.ended(id, interview.Interrupted)
	})
}

func TestTheEndIsKeptWhenTheStoreComesBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, _, _ := w.live()
		w.store.Fail(errors.New("database is away"))
		w.must(w.End(t.Context(), candidate, id))
		if !w.peer("zoe").out() {
			t.Error("media goes on while the database is away")
		}
		bubble.Pass(10 * time.Second)
		w.store.Fail(nil)
		bubble.Pass(3 * time.Second)
		w.ended(id, interview.Hangup)
		if i, err := w.store.Load(t.Context(), id); err != nil || i.State != interview.Ended || i.Posted != interview.Ended {
			t.Errorf("stored as %q, posted %q, %v", i.State, i.Posted, err)
		}
	})
}

// TestWhateverHappensNobodyIsRecordedAgainstTheirWill has participants do anything in any order, with failures, and
// holds the promises after each step: no peer of somebody who has not agreed, no room without a recording, nothing left
// when it is over.
func TestWhateverHappensNobodyIsRecordedAgainstTheirWill(t *testing.T) {
	for seed := range uint64(60) {
		inBubble(t, func(t *testing.T, w *world) {
			r := rand.New(rand.NewPCG(seed, 1))
			var done []string
			for range 60 {
				done = append(done, w.anything(r))
				synctest.Wait()
				if !w.promises() {
					t.Fatalf("seed %d: broken after %q", seed, done)
				}
			}
			w.store.Fail(nil)
			w.stop()
			for _, p := range w.recorder.all() {
				if p.end() == "" {
					t.Fatalf("seed %d: a part was never stopped after %q", seed, done)
				}
			}
		})
	}
}

// anything does one thing and says which.
func (w *world) anything(r *rand.Rand) string {
	ctx := w.t.Context()
	p := []identity.Principal{recruiter, candidate}[r.IntN(2)]
	v, err := w.Open(ctx, recruiter, interview.Spec{Conversation: "c1"})
	if err != nil {
		return "open: " + err.Error()
	}
	id := interview.ID(v.ID)
	steps := []struct {
		name string
		do   func() error
	}{
		{"agree", func() error {
			return w.Consent(ctx, p, wire.InterviewConsent{Interview: v.ID, Version: notice, Agree: true, AudioOnly: r.IntN(2) == 0})
		}},
		{"join", func() error { _, err := w.Join(ctx, p, id, w.connect(p.User)); return err }},
		{"join", func() error { _, err := w.Join(ctx, p, id, w.connect(p.User)); return err }},
		{"gone", func() error { w.Gone(p, id, w.seatOf(p.User)); return nil }},
		{"resume", func() error { _, err := w.Resume(ctx, p, id, w.connect(p.User)); return err }},
		{"leave", func() error { return w.Leave(ctx, p, id, w.seatOf(p.User)) }},
		{"wait", func() error { bubble.Pass(time.Duration(r.IntN(70)) * time.Second); return nil }},
		{"peer fails", func() error { w.failPeer(p.User); return nil }},
		{"end", func() error { return skip(r, 5, func() error { return w.End(ctx, p, id) }) }},
		{"withdraw", func() error { return skip(r, 5, func() error { return w.Withdraw(ctx, p, id) }) }},
		{"decline", func() error {
			return skip(r, 5, func() error { return w.Consent(ctx, p, wire.InterviewConsent{Interview: v.ID, Version: notice}) })
		}},
		{"revoke", func() error { return skip(r, 5, func() error { w.Revoke(p.User, time.Now()); return nil }) }},
		{"restart", func() error { return skip(r, 5, func() error { w.stop(); w.run(); return nil }) }},
		{"store fails", func() error { w.store.Fail(errors.New("away")); return nil }},
		{"store works", func() error { w.store.Fail(nil); return nil }},
	}
	step := steps[r.IntN(len(steps))]
	if err := step.do(); err != nil {
		return string(p.User) + " " + step.name + ": " + err.Error()
	}
	return string(p.User) + " " + step.name
}

// skip does the thing only once in n times.
func skip(r *rand.Rand, n int, do func() error) error {
	if r.IntN(n) > 0 {
		return nil
	}
	return do()
}

// seatOf is the user's latest connection, of which nobody knows whether it still has a seat.
func (w *world) seatOf(user identity.UserID) string {
	if c := w.clients[user]; c != nil {
		return c.ID
	}
	return "none"
}

// connect is a new connection of the user's.
func (w *world) connect(user identity.UserID) interview.Seat {
	c := newBrowser("device of " + string(user))
	w.clients[user] = c
	return c.Seat
}

func (w *world) failPeer(user identity.UserID) {
	w.sfu.mu.Lock()
	rooms := slices.Clone(w.sfu.rooms)
	w.sfu.mu.Unlock()
	for _, r := range rooms {
		r.mu.Lock()
		p := r.peers[user]
		r.mu.Unlock()
		if p != nil && !p.out() {
			p.spec.Events(interview.Failed{Reason: "connection"})
		}
	}
}

// promises says whether each peer that is in has agreed to what it may publish, in the part that records it.
func (w *world) promises() bool {
	w.sfu.mu.Lock()
	defer w.sfu.mu.Unlock()
	open := 0
	for _, r := range w.sfu.rooms {
		r.mu.Lock()
		if !r.closed {
			open++
		}
		for user, p := range r.peers {
			if p.out() {
				continue
			}
			all, err := w.ledger.History(w.t.Context(), policy.Subject(user))
			if err != nil || len(all) == 0 || all[len(all)-1].Kind != "agree" || p.spec.Publish.Video != (all[len(all)-1].Scope == "audio+video") {
				w.t.Errorf("%s is in with %+v on %+v", user, p.spec.Publish, all)
				r.mu.Unlock()
				return false
			}
		}
		r.mu.Unlock()
	}
	running := 0
	for _, p := range w.recorder.all() {
		if p.end() == "" {
			running++
		}
	}
	if open > 1 || open != running {
		w.t.Errorf("%d rooms, %d recordings", open, running)
	}
	return open <= 1 && open == running
}
