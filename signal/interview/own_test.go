package interview_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/internal/cluster"
	"parley/internal/cluster/clustertest"
	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/internal/testenv/bubble"
	"parley/signal/interview"
	"parley/signal/wire"
)

// member is a world that is one node of a cluster.
type member struct {
	*world
	cluster *cluster.Cluster
	cable   *clustertest.Cable // its way to the table of leases
	leave   func()
	gone    sync.Once
}

// pair is two nodes that share stores, chat and nothing else.
type pair struct{ a, b *member }

// inPair runs a test over two running nodes, with time that waits for nobody.
func inPair(t *testing.T, test func(t *testing.T, p pair)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		table := &clustertest.Memory{}
		first, second := newWorld(t), newWorld(t)
		second.store, second.consents, second.chat = first.store, first.consents, first.chat
		p := pair{joined(t, first, table, "a"), joined(t, second, table, "b")}
		defer p.a.down()
		defer p.b.down()
		test(t, p)
	})
}

func joined(t *testing.T, w *world, table cluster.Store, name cluster.NodeID) *member {
	t.Helper()
	m := &member{world: w, cable: &clustertest.Cable{Store: table}}
	certs := t.TempDir()
	w.must(cluster.MakeAuthority(certs, 1e6*time.Hour))
	w.must(cluster.MakeNode(certs, certs, 1e6*time.Hour))
	m.cluster = cluster.New(cluster.Config{Store: m.cable, Node: name, Address: string(name) + ":1", TLS: certs})
	w.must(m.cluster.Join(t.Context()))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.cluster.Run(ctx) }()
	m.leave = func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, clustertest.ErrCut) {
			t.Errorf("run cluster: %v", err)
		}
	}
	w.config.Leases = m.cluster
	w.run()
	return m
}

// down stops the node in order, once.
func (m *member) down() {
	m.gone.Do(func() {
		m.stop()
		m.leave()
	})
}

// isElsewhere checks that the node says that another one has the interview.
func isElsewhere(t *testing.T, err error, want cluster.NodeID) {
	t.Helper()
	if e, ok := errors.AsType[*cluster.Elsewhere](err); !ok || e.Node != want {
		t.Errorf("got %v, want that it is on %s", err, want)
	}
}

func TestAnInterviewIsServedByItsOwnerOnly(t *testing.T) {
	inPair(t, func(t *testing.T, p pair) {
		id, _, _ := p.a.live()
		_, err := p.b.Join(t.Context(), candidate, id, newBrowser("d").Seat)
		isElsewhere(t, err, "a")
		isElsewhere(t, p.b.End(t.Context(), candidate, id), "a")
		if p.b.Holds(id) || !p.a.Holds(id) {
			t.Errorf("a holds it: %v, b holds it: %v", p.a.Holds(id), p.b.Holds(id))
		}
		bubble.Pass(2 * time.Minute) // sweeps of b leave it alone
		if v := p.a.view(candidate, id); v.State != "live" || !v.Recording {
			t.Errorf("state %q, recording %v", v.State, v.Recording)
		}
		p.a.must(p.a.End(t.Context(), candidate, id))
		synctest.Wait()
		_, err = p.b.Join(t.Context(), candidate, id, newBrowser("d").Seat) // nobody has it: b may look
		refused(t, "join what has ended", err, policy.ErrGone)
	})
}

func TestWhatDoesNotExistGetsNoLease(t *testing.T) {
	inPair(t, func(t *testing.T, p pair) {
		const id = "01900000-0000-7000-8000-00000000dead"
		_, err := p.a.Join(t.Context(), candidate, id, newBrowser("d").Seat)
		refused(t, "join", err, policy.ErrNotFound)
		l, err := p.b.cluster.Acquire(t.Context(), id)
		if err != nil || l.Epoch != 1 {
			t.Errorf("the room was leased before: %+v, %v", l, err)
		}
	})
}

func TestADeadNodesInterviewWaitsOnAnotherWithinTenSeconds(t *testing.T) {
	inPair(t, func(t *testing.T, p pair) {
		id, _, _ := p.a.live()
		before, err := p.a.store.Load(t.Context(), id)
		p.a.must(err)
		p.a.cable.Cut(true) // as if killed
		died := time.Now()
		for !p.b.Holds(id) {
			bubble.Pass(100 * time.Millisecond)
			if time.Since(died) > 10*time.Second {
				t.Fatal("nobody took the interview")
			}
		}
		t.Logf("taken after %v", time.Since(died))
		after, err := p.b.store.Load(t.Context(), id)
		p.b.must(err)
		if after.Epoch != before.Epoch+1 || after.State != interview.Live {
			t.Errorf("epoch %d after %d, state %q", after.Epoch, before.Epoch, after.State)
		}
		bubble.Pass(50 * time.Second)
		p.b.rejoin(candidate, id)
		p.b.rejoin(recruiter, id)
		if v := p.b.view(candidate, id); v.State != "live" || !v.Recording {
			t.Errorf("after coming back: %q, recording %v", v.State, v.Recording)
		}
	})
}

func TestAnOwnerThatWasGivenUpLearnsItWithinABeat(t *testing.T) {
	inPair(t, func(t *testing.T, p pair) {
		id, zoe, _ := p.a.live()
		p.a.cable.Cut(true)
		bubble.Pass(4 * time.Second)
		if p.a.peer("zoe").out() || len(zoe.losses()) > 0 {
			t.Error("the outage of the database ended the interview")
		}
		bubble.Pass(6 * time.Second)
		if !p.b.Holds(id) || p.a.peer("zoe").out() {
			t.Errorf("b holds it: %v, the media on a ended: %v", p.b.Holds(id), p.a.peer("zoe").out())
		}
		refused(t, "hang up at the former owner", p.a.End(t.Context(), candidate, id), policy.ErrUnavailable)
		p.a.cable.Cut(false)
		bubble.Pass(2 * time.Second)
		if !p.a.peer("zoe").out() || !p.a.peer("ann").out() {
			t.Error("media goes on at the former owner")
		}
		if got := p.a.recorder.last(t).end(); got == "" {
			t.Error("the former owner records on")
		}
		if i, err := p.b.store.Load(t.Context(), id); err != nil || i.State != interview.Live {
			t.Errorf("stored as %q, %v", i.State, err)
		}
		isElsewhere(t, p.a.End(t.Context(), candidate, id), "b")
		p.b.must(p.b.End(t.Context(), candidate, id))
		synctest.Wait()
		p.b.ended(id, interview.Hangup)
	})
}

func TestMediaIsCutWhenTheLeaseIsLost(t *testing.T) {
	inPair(t, func(t *testing.T, p pair) {
		id, zoe, _ := p.a.live()
		p.a.cable.Cut(true)
		bubble.Pass(10 * time.Second)
		p.a.cable.Cut(false)
		bubble.Pass(time.Second + 10*time.Millisecond)
		if !p.a.peer("zoe").out() || p.a.Holds(id) {
			t.Errorf("media ended: %v, still held: %v", p.a.peer("zoe").out(), p.a.Holds(id))
		}
		if got := p.a.recorder.last(t).end(); got != "lease lost" {
			t.Errorf("the recording ended as %q", got)
		}
		if got := zoe.losses(); !slices.Equal(got, []string{interview.LostFailed}) {
			t.Errorf("told %q", got)
		}
	})
}

func TestAnOutageOfTheDatabaseForAllEndsNothing(t *testing.T) {
	inPair(t, func(t *testing.T, p pair) {
		id, zoe, _ := p.a.live()
		for _, m := range []*member{p.a, p.b} {
			m.cable.Cut(true)
		}
		p.a.store.Fail(errors.New("away"))
		bubble.Pass(2 * time.Minute)
		if p.a.peer("zoe").out() || len(zoe.losses()) > 0 {
			t.Error("media ended")
		}
		p.a.store.Fail(nil)
		p.a.cable.Cut(false) // the owner is back first
		bubble.Pass(time.Second)
		p.b.cable.Cut(false)
		bubble.Pass(time.Minute)
		if !p.a.Holds(id) || p.a.peer("zoe").out() {
			t.Error("the owner lost the interview")
		}
	})
}

func TestAWithdrawalThatAnotherNodeRecordedStopsTheMediaWithinThreeSeconds(t *testing.T) {
	for name, m := range map[string]privacy.Matter{
		"of this interview":      {Subject: "ann", Purpose: policy.InterviewRecording, Context: "this"},
		"of the privacy policy":  {Subject: "ann", Purpose: policy.PrivacyPolicy},
		"of all being recorded":  {Subject: "ann", Purpose: policy.InterviewRecording},
		"of another interview's": {Subject: "ann", Purpose: policy.InterviewRecording, Context: "another"},
	} {
		t.Run(name, func(t *testing.T) {
			inPair(t, func(t *testing.T, p pair) {
				id, _, _ := p.a.live()
				if m.Context == "this" {
					m.Context = string(id)
				}
				p.b.must(p.b.ledger.Withdraw(t.Context(), m))
				bubble.Pass(2 * time.Second)
				if m.Context == "another" {
					if p.a.peer("zoe").out() {
						t.Error("the media was cut")
					}
					return
				}
				p.a.ended(id, interview.Withdrawn)
			})
		})
	}
}

func TestADrainingNodeKeepsItsRoomsAndTakesNoNewOnes(t *testing.T) {
	inPair(t, func(t *testing.T, p pair) {
		id, zoe, _ := p.a.live()
		p.a.must(p.a.cluster.Drain(t.Context()))
		drained := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { defer close(drained); p.a.Drain(ctx) }()
		bubble.Pass(time.Minute)
		if p.a.peer("zoe").out() {
			t.Error("media ended while there was time")
		}
		p.a.must(p.a.Mute(t.Context(), recruiter, zoe.ID, wire.InterviewMute{Interview: string(id), Track: "camera"}))
		p.a.must(p.a.End(t.Context(), recruiter, id))
		<-drained
		next := p.b.open()
		_, err := p.a.Join(t.Context(), recruiter, next, newBrowser("d").Seat)
		isElsewhere(t, err, "b")
	})
}

func TestWhatIsLeftAtTheDeadlineIsHandedOver(t *testing.T) {
	inPair(t, func(t *testing.T, p pair) {
		id, zoe, ann := p.a.live()
		p.a.must(p.a.cluster.Drain(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		p.a.Drain(ctx)
		synctest.Wait()
		if got := p.a.recorder.last(t).end(); got != "handed over" {
			t.Errorf("the recording ended as %q", got)
		}
		for _, c := range []*browser{zoe, ann} {
			if got := c.losses(); !slices.Equal(got, []string{interview.LostFailed}) {
				t.Errorf("the client was told %q", got)
			}
		}
		_, err := p.a.Join(t.Context(), recruiter, id, newBrowser("d").Seat)
		isElsewhere(t, err, "b")
		p.b.rejoin(recruiter, id)
		p.b.rejoin(candidate, id)
		if v := p.b.view(candidate, id); v.State != "live" || !v.Recording {
			t.Errorf("on the other node: %q, recording %v", v.State, v.Recording)
		}
	})
}

func TestANodeThatIsAloneOpensNoRoomAfterItsDrain(t *testing.T) {
	inPair(t, func(t *testing.T, p pair) {
		p.b.down()
		id, _, _ := p.a.live()
		p.a.must(p.a.cluster.Drain(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p.a.Drain(ctx)
		_, err := p.a.Join(t.Context(), recruiter, id, newBrowser("d").Seat)
		refused(t, "join", err, policy.ErrUnavailable)
		if v := p.a.view(recruiter, id); v.State != "live" {
			t.Errorf("state %q; it is to go on with the next process", v.State)
		}
	})
}

func TestAStoppingNodeLeavesItsInterviewsToTheOthersAtOnce(t *testing.T) {
	inPair(t, func(t *testing.T, p pair) {
		id, zoe, _ := p.a.live()
		p.a.down()
		if got := zoe.losses(); !slices.Equal(got, []string{interview.LostFailed}) {
			t.Errorf("told %q", got)
		}
		bubble.Pass(2 * time.Second)
		if !p.b.Holds(id) {
			t.Error("nobody has the interview")
		}
		p.b.rejoin(recruiter, id)
	})
}

func TestASeatIsOverOnceWhateverEndedIt(t *testing.T) {
	for name, end := range map[string]func(w *world, id interview.ID, c *browser){
		"left":      func(w *world, id interview.ID, c *browser) { w.must(w.Leave(w.t.Context(), candidate, id, c.ID)) },
		"ended":     func(w *world, id interview.ID, _ *browser) { w.must(w.End(w.t.Context(), candidate, id)) },
		"lost":      func(w *world, id interview.ID, c *browser) { w.Gone(candidate, id, c.ID) },
		"replaced":  func(w *world, id interview.ID, _ *browser) { w.rejoin(candidate, id) },
		"revoked":   func(w *world, _ interview.ID, _ *browser) { w.Revoke("ann", time.Now()) },
		"shut down": func(w *world, _ interview.ID, _ *browser) { w.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				id := w.open()
				w.agree(candidate, id)
				over := 0
				c := newBrowser("d")
				c.Seat.Over = func() { over++ }
				_, err := w.Join(t.Context(), candidate, id, c.Seat)
				w.must(err)
				end(w, id, c)
				bubble.Pass(time.Minute)
				w.stop()
				if over != 1 {
					t.Errorf("over %d times", over)
				}
			})
		})
	}
}
