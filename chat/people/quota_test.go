package people_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/people"
	"parley/chat/people/peopletest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

func quotaOf(n int) func(*people.Config) { return func(c *people.Config) { c.Quota = n } }

func (w *town) left(p identity.Principal) int {
	w.t.Helper()
	q, err := w.Quota(w.t.Context(), p)
	w.must(err)
	return q.Left
}

// candidate is the n-th of many.
func candidate(n int) identity.Principal {
	return identity.Principal{User: identity.UserID(fmt.Sprint("u-c", n)), Role: identity.Candidate}
}

func TestFirstContactsHaveAQuotaWithAWarningBeforeItsEnd(t *testing.T) {
	w := newTown(t, quotaOf(people.WarnAt+2))
	for i := range people.WarnAt + 2 {
		w.open(rob, candidate(i))
		left := people.WarnAt + 1 - i
		pushed := w.told.take()
		if warned := has[wire.Quota](pushed, rob.User); warned != (left <= people.WarnAt) {
			t.Errorf("%d left: warned %v", left, warned)
		}
		for _, p := range pushed {
			if q := p.body.(wire.Quota); q.Left != left || !q.Warn {
				t.Errorf("told %+v with %d left", q, left)
			}
		}
	}
	_, err := w.try("one too many", rob, ann)
	var r *policy.Refusal
	if !errors.As(err, &r) || r.ID != policy.ErrQuota.ID || r.RetryAfter != 12*time.Hour {
		t.Fatalf("got %+v, want quota_exhausted until midnight in Shanghai", err)
	}
	q, err := w.Quota(t.Context(), rob)
	if want := (wire.Quota{Limit: people.WarnAt + 2, Warn: true, Resets: w.clock.now().Add(12 * time.Hour)}); err != nil || q != want {
		t.Errorf("quota %+v, %v; want %+v", q, err, want)
	}
	w.open(rita, ann) // another's is untouched
	w.clock.pass(12 * time.Hour)
	w.open(rob, ann)
}

// Only who recruits has a quota, and only for what they start themselves.
func TestWhatIsCounted(t *testing.T) {
	w := newTown(t, quotaOf(5))
	for name, c := range map[string]struct {
		open func() error
		want int // used of rob's
	}{
		"a candidate starts":  {func() error { _, err := w.try("1", ann, rob); return err }, 0},
		"another starts":      {func() error { _, err := w.try("2", rita, ann, rob); return err }, 0},
		"the recruiter":       {func() error { _, err := w.try("3", rob, ann); return err }, 1},
		"another job":         {func() error { _, err := w.try("4", rob, ann); return err }, 1},
		"no starter is named": {func() error { return w.byPlatform("5", rob, bea) }, 0},
	} {
		before := w.left(rob)
		w.must(c.open())
		if used := before - w.left(rob); used != c.want {
			t.Errorf("%s: %d used, want %d", name, used, c.want)
		}
	}
	if q, err := w.Quota(t.Context(), hana); err != nil || q.Left != 5 {
		t.Errorf("a headhunter's: %+v, %v", q, err)
	}
	none := newTown(t, quotaOf(-1))
	none.open(ann, rob)
	if _, err := none.try("a recruiter", rob, ann); !isRefusal(err, policy.ErrQuota) {
		t.Errorf("a recruiter without any: %v", err)
	}
	if _, err := w.Quota(t.Context(), ann); !isRefusal(err, policy.ErrForbidden) {
		t.Errorf("a candidate's: %v, want forbidden", err)
	}
}

func (w *town) byPlatform(key string, all ...identity.Principal) error {
	n := chat.NewConversation{Key: key}
	for _, p := range all {
		n.Members = append(n.Members, member(p))
	}
	_, err := w.chat.Open(w.t.Context(), chattest.Platform, n)
	return err
}

// Whoever is hidden costs nothing, and is not found even when nothing is left: neither tells that they exist.
func TestWhoIsNotFoundCostsNothing(t *testing.T) {
	for reason, come := range reasons {
		w := newTown(t, quotaOf(2))
		come(w, w.open(rob, ann))
		for range 3 {
			_, err := w.try("another", rob, ann)
			same(t, reason, err, policy.ErrNotFound)
		}
		if left := w.left(rob); left != 1 {
			t.Errorf("%s: %d left, want 1", reason, left)
		}
		w.open(rob, bea)
		_, err := w.try("another", rob, ann)
		same(t, reason+", with nothing left", err, policy.ErrNotFound)
	}
}

// The platform repeats after any failure, on any node: one conversation, counted once.
func TestARetryCountsOnce(t *testing.T) {
	for name, fail := range map[string]func(w *town){
		"no failure":                               func(*town) {},
		"the count failed":                         func(w *town) { w.faults.Next(peopletest.Fails) },
		"the count failed but took effect":         func(w *town) { w.faults.Next(peopletest.FailsPersisted) },
		"the conversation failed":                  func(w *town) { w.chat.Store.Next(chattest.Fails) },
		"the conversation failed but took effect":  func(w *town) { w.chat.Store.Next(chattest.FailsPersisted) },
		"both failed, the count having had effect": func(w *town) { w.faults.Next(peopletest.FailsPersisted); w.chat.Store.Next(chattest.Fails) },
	} {
		w := newTown(t, quotaOf(1))
		fail(w)
		var id chat.ConversationID
		for range 4 {
			if c, err := w.try("the key", rob, ann); err == nil {
				id = c.ID
			} else if isRefusal(err, policy.ErrQuota) {
				t.Errorf("%s: a retry was refused", name)
			}
		}
		if id == "" || w.left(rob) != 0 {
			t.Errorf("%s: conversation %q, %d left; want one, none left", name, id, w.left(rob))
		}
		if _, err := w.try("another key", rob, bea); !isRefusal(err, policy.ErrQuota) {
			t.Errorf("%s: another: %v, want quota_exhausted", name, err)
		}
	}
}

func TestTwoNodesTogetherStayWithinTheQuota(t *testing.T) {
	const quota, tries = 7, 40
	w := newTown(t, quotaOf(quota))
	nodes := []*people.Service{w.Service, w.node()}
	var opened atomic.Int32
	var all sync.WaitGroup
	for i := range tries {
		all.Go(func() {
			o := chat.Opening{Key: fmt.Sprint("key ", i/2), Starter: chat.Party{User: rob.User, Role: rob.Role, Company: rob.Company},
				Others: []chat.Party{{User: ann.User, Role: ann.Role}}}
			switch err := nodes[i%2].MayOpen(t.Context(), o); { // each key on both nodes
			case err == nil:
				opened.Add(1)
			case !isRefusal(err, policy.ErrQuota):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if opened.Load() != 2*quota || w.left(rob) != 0 {
		t.Errorf("%d of %d went through, %d left; want both tries of %d keys", opened.Load(), tries, w.left(rob), quota)
	}
}

func TestADayIsOneOfShanghai(t *testing.T) {
	w := newTown(t, quotaOf(1))
	for _, c := range []struct{ at, resets string }{
		{"2026-03-09T15:59:59.999Z", "2026-03-09T16:00:00Z"},
		{"2026-03-09T16:00:00Z", "2026-03-10T16:00:00Z"},
		{"2026-12-31T15:59:59Z", "2026-12-31T16:00:00Z"},
		{"2028-02-28T16:00:00Z", "2028-02-29T16:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		w.must(err)
		w.clock.pass(at.Sub(w.clock.now()))
		w.open(rob, candidate(at.Nanosecond()+at.Second()+int(at.Month())))
		if _, err := w.try(c.at, rob, bea); !isRefusal(err, policy.ErrQuota) {
			t.Errorf("%s: a second one: %v", c.at, err)
		}
		if q, err := w.Quota(t.Context(), rob); err != nil || q.Resets.Format(time.RFC3339) != c.resets {
			t.Errorf("%s: resets %v, %v; want %s", c.at, q.Resets, err, c.resets)
		}
	}
}

func TestWithoutConfigurationTheQuotaIsAHundredAndBelowZeroThereIsNone(t *testing.T) {
	for config, want := range map[int]int{0: 100, 7: 7, -1: 0} {
		if q, err := newTown(t, quotaOf(config)).Quota(t.Context(), rob); err != nil || q.Limit != want {
			t.Errorf("%d: %+v, %v; want %d", config, q, err, want)
		}
	}
}
