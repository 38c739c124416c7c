package interview_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/testenv/bubble"
	"parley/signal/interview"
	"parley/signal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOpenAsksWhoMayAndAnswersTheOneThatGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for name, test := range map[string]struct {
			p    identity.Principal
			spec interview.Spec
			want *policy.Refusal
		}{
			"candidate":                 {candidate, interview.Spec{Conversation: "c1"}, policy.ErrForbidden},
			"nobody":                    {identity.Principal{}, interview.Spec{Conversation: "c1"}, policy.ErrUnauthenticated},
			"not a member":              {stranger, interview.Spec{Conversation: "c1"}, policy.ErrNotFound},
			"no such conversation":      {recruiter, interview.Spec{Conversation: "c9"}, policy.ErrNotFound},
			"member in another role":    {identity.Principal{User: "ann", Role: identity.Recruiter}, interview.Spec{Conversation: "c1"}, policy.ErrNotFound},
			"key of the platform's own": {recruiter, interview.Spec{Conversation: "c1", Key: "k"}, policy.ErrBadRequest},
		} {
			_, err := w.Open(t.Context(), test.p, test.spec)
			refused(t, name, err, test.want)
		}
		if len(w.chat.cards()) != 0 || w.count("audit interview.open") != 0 {
			t.Errorf("a refused opening left %v", w.diary.read())
		}
		first := w.open()
		if again := w.open(); again != first {
			t.Errorf("opened again as %s, want %s", again, first)
		}
		v, err := w.Open(t.Context(), backend, interview.Spec{Conversation: "c1", Key: "k"})
		if err != nil || v.ID != string(first) {
			t.Errorf("the backend got %q, %v", v.ID, err)
		}
		if n := w.count("audit interview.open"); n != 1 {
			t.Errorf("%d audit entries, want 1", n)
		}
		want := []wire.InterviewContent{{Interview: string(first), State: "open"}}
		if got := w.chat.cards(); !slices.Equal(got, want) {
			t.Errorf("cards %+v, want %+v", got, want)
		}
	})
}

func TestWhoIsInvitedLearnsOfAnOpening(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.open()
		synctest.Wait()
		if n := w.hub.seen(); n != 1 {
			t.Errorf("the members were told %d times, want once", n)
		}
	})
}

func TestAKeyOpensOneInterviewForEver(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.chat.members["c2"] = w.chat.members["c1"]
		spec := interview.Spec{Conversation: "c1", Key: "job-7"}
		first, err := w.Open(t.Context(), backend, spec)
		w.must(err)
		w.must(w.End(t.Context(), recruiter, interview.ID(first.ID)))
		again, err := w.Open(t.Context(), backend, spec)
		if err != nil || again.ID != first.ID || again.State != "ended" {
			t.Errorf("again: %q %q, %v", again.ID, again.State, err)
		}
		_, err = w.Open(t.Context(), backend, interview.Spec{Conversation: "c2", Key: "job-7"})
		refused(t, "the key in another conversation", err, policy.ErrConflict)
	})
}

func TestWhoMayNotWriteMayNotInvite(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.chat.closed = map[identity.UserID]error{recruiter.User: policy.ErrClosed} // T4
		_, err := w.Open(t.Context(), recruiter, interview.Spec{Conversation: "c1"})
		refused(t, "open", err, policy.ErrClosed)
		if len(w.chat.posts) != 0 {
			t.Errorf("posted %v", w.chat.posts)
		}
	})
}

func TestNobodyLearnsOfAnInterviewTheyAreNotInvitedTo(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open()
		w.enter(candidate, id)
		for _, p := range []identity.Principal{stranger, {User: "ann", Role: identity.Recruiter}, {User: "zoe", Role: identity.Headhunter}} {
			for _, id := range []interview.ID{id, "01900000-0000-7000-8000-000000000001", ""} {
				_, err := w.View(t.Context(), p, id)
				refused(t, "view", err, policy.ErrNotFound)
				_, err = w.Join(t.Context(), p, id, newBrowser("d").Seat)
				refused(t, "join", err, policy.ErrNotFound)
				_, err = w.Resume(t.Context(), p, id, newBrowser("device of ann").Seat)
				refused(t, "resume", err, policy.ErrNotFound)
				_, err = w.Receipts(t.Context(), p, id)
				refused(t, "receipts", err, policy.ErrNotFound)
				refused(t, "consent", w.Consent(t.Context(), p, wire.InterviewConsent{Interview: string(id), Version: notice, Agree: true}), policy.ErrNotFound)
				refused(t, "withdraw", w.Withdraw(t.Context(), p, id), policy.ErrNotFound)
				refused(t, "signal", w.Signal(t.Context(), p, id, "s", wire.RTCOffer{}), policy.ErrNotFound)
				refused(t, "mute", w.Mute(t.Context(), p, "s", wire.InterviewMute{Interview: string(id)}), policy.ErrNotFound)
				refused(t, "leave", w.Leave(t.Context(), p, id, "s"), policy.ErrNotFound)
				refused(t, "end", w.End(t.Context(), p, id), policy.ErrNotFound)
			}
			list, err := w.Active(t.Context(), p)
			if err != nil || len(list) != 0 {
				t.Errorf("active: %d, %v", len(list), err)
			}
		}
		if list, err := w.Active(t.Context(), candidate); err != nil || len(list) != 1 {
			t.Errorf("the invited candidate sees %d, %v", len(list), err)
		}
	})
}

func TestWhatIsNotInTheAuditLogDoesNotBegin(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		full := errors.New("audit log is full")
		w.audit.breakDown(full)
		if _, err := w.Open(t.Context(), recruiter, interview.Spec{Conversation: "c1"}); !errors.Is(err, full) {
			t.Errorf("open: %v", err)
		}
		if all, _ := w.store.List(t.Context(), interview.Filter{}, 10); len(all) != 0 {
			t.Errorf("%d interviews without an audit entry", len(all))
		}
		w.audit.breakDown(nil)
		id := w.open()
		w.agree(candidate, id)
		w.audit.breakDown(full)
		if _, err := w.Join(t.Context(), candidate, id, newBrowser("d").Seat); !errors.Is(err, full) {
			t.Errorf("join: %v", err)
		}
		if w.count("recording starts") != 0 {
			t.Error("recorded without an audit entry")
		}
		w.audit.breakDown(nil)
		w.rejoin(candidate, id)
		w.audit.breakDown(full)
		w.must(w.End(t.Context(), candidate, id)) // stopping can't be refused
		w.ended(id, interview.Hangup)
	})
}

func TestCardsStandOnceWhateverFails(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		away := errors.New("chat is away")
		w.chat.breakDown(away)
		if _, err := w.Open(t.Context(), recruiter, interview.Spec{Conversation: "c1"}); !errors.Is(err, away) {
			t.Errorf("open without a card: %v", err)
		}
		w.chat.breakDown(nil)
		bubble.Pass(31 * time.Second) // the sweep posts it
		if n := len(w.chat.cards()); n != 1 {
			t.Fatalf("%d cards after the sweep", n)
		}
		id := w.open()
		w.enter(recruiter, id)
		w.chat.breakDown(away)
		w.enter(candidate, id)
		bubble.Pass(5 * time.Second)
		w.chat.breakDown(nil)
		bubble.Pass(5 * time.Second)
		w.must(w.End(t.Context(), candidate, id))
		w.stop()
		w.run() // as after a crash: everything is looked at again
		bubble.Pass(time.Minute)
		var states []string
		for _, card := range w.chat.cards() {
			states = append(states, card.State)
		}
		if !slices.Equal(states, []string{"open", "live", "ended"}) {
			t.Errorf("cards %v", states)
		}
		for _, cid := range w.chat.order {
			if u, err := uuid.Parse(string(cid)); err != nil || u.Version() != 7 || u.Variant() != uuid.RFC4122 {
				t.Errorf("cid %q is no UUIDv7: %v", cid, err)
			}
		}
	})
}

func TestAnInterviewThatIsNotHeldExpires(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.chat.members["c2"] = w.chat.members["c1"]
		id := w.open()
		waiting, err := w.Open(t.Context(), recruiter, interview.Spec{Conversation: "c2"})
		w.must(err)
		bubble.Pass(23*time.Hour + 59*time.Minute)
		if v := w.view(recruiter, id); v.State != "open" {
			t.Fatalf("state %q before 24 h", v.State)
		}
		w.enter(candidate, interview.ID(waiting.ID))
		bubble.Pass(2 * time.Minute)
		if v := w.view(recruiter, id); v.State != "ended" || v.Reason != "expired" {
			t.Errorf("state %q, reason %q after 24 h", v.State, v.Reason)
		}
		if v := w.view(recruiter, interview.ID(waiting.ID)); v.State != "open" {
			t.Errorf("one in which somebody waits is %q", v.State)
		}
		if next := w.open(); next == id {
			t.Error("no new interview after one that expired")
		}
	})
}

func TestOpeningInManyPlacesAtOnceMakesOne(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		ids := make(chan string, 20)
		for range cap(ids) {
			go func() {
				v, err := w.Open(t.Context(), recruiter, interview.Spec{Conversation: "c1"})
				if err != nil {
					t.Error(err)
				}
				ids <- v.ID
			}()
		}
		first := <-ids
		for range cap(ids) - 1 {
			if id := <-ids; id != first {
				t.Errorf("two interviews: %s and %s", first, id)
			}
		}
		if n := len(w.chat.cards()); n != 1 {
			t.Errorf("%d cards", n)
		}
	})
}

func TestNothingIsDoneBeforeRunOrAfterIt(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open()
		w.stop()
		refused(t, "end after run", w.End(t.Context(), recruiter, id), policy.ErrUnavailable)
		w.Gone(recruiter, id, "seat")
		w.Revoke("zoe", time.Now())
		if err := w.Run(t.Context()); err == nil {
			t.Error("ran twice")
		}
		fresh := interview.New(interview.Config{Store: w.store, Chat: w.chat, Ledger: w.ledger, Texts: w.texts, Audit: w.audit, Hub: w.hub})
		_, err := fresh.Open(t.Context(), recruiter, interview.Spec{Conversation: chat.ConversationID("c1")})
		refused(t, "open before run", err, policy.ErrUnavailable)
	})
}
