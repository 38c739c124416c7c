package testenv_test

import (
	"context"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"parley/internal/testenv"
	"parley/signal/client"
	"parley/signal/wire"
)

// usage is what a leak would make grow.
type usage struct {
	goroutines, files int
	heap              uint64
}

func used(t *testing.T) usage {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("open files can't be counted here: %v", err)
	}
	return usage{runtime.NumGoroutine(), len(files), m.HeapAlloc}
}

// TestManyWhoComeAndGoLeaveNothing has two people enter and leave interviews in every way there is, in one server.
func TestManyWhoComeAndGoLeaveNothing(t *testing.T) {
	env := testenv.New(t)
	conversation := env.Open("k-1", "高级前端工程师", "recruiter", "candidate")
	churn(t, env, conversation, 30) // caches, pools and lazily made parts
	before := used(t)
	churn(t, env, conversation, 300)
	var after usage
	eventually(t, "what was used to be given back", func() bool {
		after = used(t)
		return after.goroutines <= before.goroutines+5 && after.files <= before.files+3
	})
	t.Logf("before %+v, after %+v", before, after)
	const slack = 16 << 20 // the log that the test keeps, and pools
	if after.heap > before.heap+slack {
		t.Errorf("%d bytes of memory were not given back", after.heap-before.heap)
	}
}

// churn joins n times, some of them at once, and ends what is left.
func churn(t *testing.T, env *testenv.Env, conversation string, n int) {
	t.Helper()
	const round = 10
	for i := 0; i < n; i += round {
		recruiter, candidate := sitDown(t, env, "recruiter"), sitDown(t, env, "candidate")
		opened, ok := recruiter.ask(t, wire.InterviewOpen{Conversation: conversation}).(wire.InterviewState)
		if !ok {
			t.Fatal("no interview")
		}
		for j := range round {
			s := []side{recruiter, candidate}[j%2]
			s.ask(t, wire.InterviewConsent{Interview: opened.ID, Version: opened.Notice, Agree: true})
			c, err := s.session.Join(t.Context(), opened.ID, client.CallOptions{Audio: true, Video: j%4 < 2})
			if err != nil {
				t.Fatalf("join as %s: %v", s.Role, err)
			}
			goes(t, c)
		}
		if i%(2*round) == 0 {
			recruiter.ask(t, wire.InterviewEnd{Interview: opened.ID})
		} else {
			candidate.ask(t, wire.InterviewWithdraw{Interview: opened.ID})
		}
		recruiter.session.Break() // nobody says goodbye
		_, _ = recruiter.session.Close(), candidate.session.Close()
	}
}

// goes ends a call early or late in its making, with and without a word.
func goes(t *testing.T, c *client.Call) {
	t.Helper()
	if rand.IntN(3) == 0 {
		select {
		case <-c.Connected():
		case <-time.After(10 * time.Second):
			t.Fatal("no media in 10 s")
		}
	}
	if rand.IntN(2) == 0 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := c.Leave(ctx); err != nil {
			t.Errorf("leave: %v", err)
		}
	}
	_ = c.Close()
}
