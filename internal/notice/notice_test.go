package notice_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/internal/identity"
	"parley/internal/notice"
	"parley/internal/notice/noticetest"
	"parley/internal/outbox"
	"parley/internal/policy"
	"parley/internal/testenv/bubble"
	"parley/signal/wire"
)

var platform = identity.Principal{User: "backend", Role: identity.Service}

// house is what stands around a service: what people want and what they have read.
type house struct {
	*notice.Service
	store noticetest.Memory

	mu       sync.Mutex
	classes  map[string][]string
	channels []string
	quiet    wire.Quiet
	read     map[identity.UserID]uint64
	came     map[uint64]time.Time // entries by seq
	gone     bool
	broken   error
}

func (h *house) Notices(context.Context, identity.UserID) (map[string][]string, []string, wire.Quiet, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.classes, slices.Clone(h.channels), h.quiet, h.broken
}

func (h *house) ReadTo(_ context.Context, _ string, u identity.UserID) (notice.Read, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := notice.Read{Member: !h.gone, To: h.read[u]}
	for seq, at := range h.came {
		if seq > r.To && (r.Since.IsZero() || at.Before(r.Since)) {
			r.Since = at
		}
	}
	return r, h.broken
}

// set changes what stands around.
func (h *house) set(f func(h *house)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(h)
}

// in runs a test with a running service in a bubble, at nine in the morning of Shanghai. The outbox is waked with each event.
func in(t *testing.T, f func(t *testing.T, h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		bubble.Pass(time.Hour) // a bubble begins at eight in Shanghai
		h := &house{channels: []string{"push", "sms"}, read: map[identity.UserID]uint64{}, came: map[uint64]time.Time{}, classes: map[string][]string{"marketing": {"push", "mail"}}}
		h.Service = notice.New(notice.Config{Store: &h.store, Cursors: h, Preferences: h})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()
		f(t, h)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// comes tells of an entry for the users.
func (h *house) comes(t *testing.T, seq uint64, users ...identity.UserID) {
	t.Helper()
	h.set(func(h *house) {
		if _, known := h.came[seq]; !known {
			h.came[seq] = time.Now()
		}
	})
	if err := h.Unread(t.Context(), []notice.Entry{{Conversation: "c-1", Seq: seq, At: time.Now(), Recipients: users}}); err != nil {
		t.Fatal(err)
	}
}

// told is what the outbox has: "user channel seq".
func (h *house) told() (all []string) {
	for _, e := range h.store.Events() {
		all = append(all, fmt.Sprintf("%s %s %d", e.User, e.Channel, e.Seq))
	}
	return all
}

func (h *house) want(t *testing.T, when string, want ...string) {
	t.Helper()
	if got := h.told(); !slices.Equal(got, want) {
		t.Errorf("%s: told %q, want %q", when, got, want)
	}
}

func TestWhatStaysUnreadIsRemindedOfOverOneChannelAfterAnother(t *testing.T) {
	in(t, func(t *testing.T, h *house) {
		h.comes(t, 7, "u-1")
		bubble.Pass(4*time.Minute + 50*time.Second)
		h.want(t, "before five minutes")
		bubble.Pass(20 * time.Second)
		h.want(t, "after five minutes", "u-1 push 7")
		h.comes(t, 8, "u-1")
		bubble.Pass(50 * time.Minute)
		h.want(t, "within the hour", "u-1 push 7")
		bubble.Pass(15 * time.Minute)
		h.want(t, "after an hour", "u-1 push 7", "u-1 sms 8")
		bubble.Pass(72 * time.Hour)
		h.want(t, "three days later", "u-1 push 7", "u-1 sms 8")
		h.comes(t, 9, "u-1")
		bubble.Pass(10 * time.Minute)
		h.want(t, "something new", "u-1 push 7", "u-1 sms 8", "u-1 push 9")
	})
}

func TestWhatIsReadIsNotRemindedOf(t *testing.T) {
	in(t, func(t *testing.T, h *house) {
		h.comes(t, 7, "u-1")
		h.set(func(h *house) { h.read["u-1"] = 7 })
		bubble.Pass(time.Hour)
		h.want(t, "read in time")
		h.comes(t, 8, "u-1")
		bubble.Pass(6 * time.Minute)
		h.want(t, "a new streak", "u-1 push 8")
		h.set(func(h *house) { h.read["u-1"] = 8 })
		bubble.Pass(10 * time.Minute)
		h.comes(t, 9, "u-1")
		bubble.Pass(6 * time.Minute)
		h.want(t, "read, and something new", "u-1 push 8", "u-1 push 9")
		h.comes(t, 9, "u-1") // the sealer tells it once more
		bubble.Pass(30 * time.Minute)
		h.want(t, "a repeat", "u-1 push 8", "u-1 push 9")
	})
}

func TestWhoReadsAsTheyTalkIsNotReminded(t *testing.T) {
	in(t, func(t *testing.T, h *house) {
		for i := range uint64(120) { // every ten seconds one, of which all but the last are read at any time
			h.comes(t, i+1, "u-1")
			h.set(func(h *house) { h.read["u-1"] = i })
			bubble.Pass(10 * time.Second)
		}
		h.want(t, "as they talk")
		bubble.Pass(4 * time.Minute)
		h.want(t, "before the last was unread for five minutes")
		bubble.Pass(time.Minute)
		h.want(t, "after them", "u-1 push 120")
	})
}

func TestAStreakThatNobodyHeedsBeginsAnotherRoundOnceADay(t *testing.T) {
	in(t, func(t *testing.T, h *house) {
		h.set(func(h *house) { h.channels = []string{"push"} })
		for i := range uint64(40) { // an hour apart
			h.comes(t, i+1, "u-1")
			bubble.Pass(time.Hour)
		}
		h.want(t, "40 hours of entries", "u-1 push 1", "u-1 push 25")
	})
}

func TestQuietHoursAreHeeded(t *testing.T) {
	in(t, func(t *testing.T, h *house) {
		h.set(func(h *house) { h.quiet = wire.Quiet{From: "09:00", To: "11:00"} })
		h.comes(t, 7, "u-1")
		bubble.Pass(time.Hour + 55*time.Minute)
		h.want(t, "within them")
		bubble.Pass(10 * time.Minute)
		h.want(t, "after them", "u-1 push 7")
	})
}

func TestWhoWantsNoRemindersGetsNone(t *testing.T) {
	for name, change := range map[string]func(*house){
		"no channels":            func(h *house) { h.channels = nil },
		"not in it any more":     func(h *house) { h.gone = true },
		"switched off meanwhile": func(h *house) { h.channels = nil },
	} {
		in(t, func(t *testing.T, h *house) {
			h.comes(t, 7, "u-1")
			bubble.Pass(time.Minute)
			h.set(change)
			bubble.Pass(24 * time.Hour)
			h.want(t, name)
		})
	}
}

func TestAFailureIsTriedAgainAndNothingIsToldTwice(t *testing.T) {
	for _, fault := range []noticetest.Fault{noticetest.Fails, noticetest.FailsButPersists} {
		in(t, func(t *testing.T, h *house) {
			h.set(func(h *house) { h.channels = []string{"push"} })
			h.comes(t, 7, "u-1")
			bubble.Pass(4 * time.Minute)
			h.store.Break(fault)
			bubble.Pass(10 * time.Minute)
			h.store.Break(noticetest.None)
			bubble.Pass(5 * time.Minute)
			h.want(t, fmt.Sprint("fault ", fault), "u-1 push 7")
		})
	}
	in(t, func(t *testing.T, h *house) {
		h.comes(t, 7, "u-1")
		h.set(func(h *house) { h.broken = errors.New("away") })
		bubble.Pass(10 * time.Minute)
		h.set(func(h *house) { h.broken = nil })
		bubble.Pass(2 * time.Minute)
		h.want(t, "preferences were away", "u-1 push 7")
	})
}

func (h *house) send(t *testing.T, n notice.Notice) notice.Decision {
	t.Helper()
	d, err := h.Send(t.Context(), platform, n)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestNoticesGoOnlyByChannelsThatThePersonLeftOn(t *testing.T) { // T10
	all := []string{"push", "sms", "mail"}
	for class, want := range map[notice.Class][]string{
		notice.Marketing: {"push", "mail"}, notice.Recommendation: nil, notice.ServiceNotice: all,
	} {
		in(t, func(t *testing.T, h *house) {
			d := h.send(t, notice.Notice{ID: "n-1", User: "u-1", Class: class, Channels: all})
			if !slices.Equal(d.Channels, want) || len(d.Channels)+len(d.Refused) != 3 || !d.Until.IsZero() {
				t.Errorf("%s: %+v", class, d)
			}
			bubble.Pass(10 * time.Second)
			var got []string
			for _, e := range h.store.Events() {
				got = append(got, e.Channel)
				if e.Kind != outbox.NoticeSend || e.Notice != "n-1" || e.User != "u-1" || e.Class != string(class) {
					t.Errorf("%s: event %+v", class, e)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: sent by %v, want %v (T10)", class, got, want)
			}
		})
	}
}

func TestANoticeWaitsForTheEndOfQuietHoursAndMayBeSwitchedOffMeanwhile(t *testing.T) { // T10
	for _, off := range []bool{false, true} {
		in(t, func(t *testing.T, h *house) {
			h.set(func(h *house) { h.quiet = wire.Quiet{From: "08:30", To: "10:00"} })
			d := h.send(t, notice.Notice{ID: "n-1", User: "u-1", Class: notice.Marketing, Channels: []string{"push"}})
			if want := time.Now().Add(time.Hour); !d.Until.Equal(want) {
				t.Errorf("until %v, want %v", d.Until, want)
			}
			urgent := h.send(t, notice.Notice{ID: "n-2", User: "u-1", Class: notice.ServiceNotice, Channels: []string{"sms"}})
			if !urgent.Until.IsZero() {
				t.Errorf("a service notice waits until %v", urgent.Until)
			}
			bubble.Pass(59 * time.Minute)
			h.want(t, "within quiet hours", "u-1 sms 0")
			if off {
				h.set(func(h *house) { h.classes = nil })
			}
			bubble.Pass(2 * time.Minute)
			if want := 2; off {
				h.want(t, "switched off", "u-1 sms 0")
			} else if got := len(h.store.Events()); got != want {
				t.Errorf("%d events, want %d", got, want)
			}
		})
	}
}

func TestANoticeIsSentOnceHoweverOftenItIsAskedFor(t *testing.T) {
	in(t, func(t *testing.T, h *house) {
		n := notice.Notice{ID: "n-1", User: "u-1", Class: notice.Marketing, Channels: []string{"push"}}
		for range 3 {
			h.send(t, n)
			bubble.Pass(time.Minute)
		}
		h.want(t, "three times", "u-1 push 0")
		n.User = "u-2"
		if _, err := h.Send(t.Context(), platform, n); !errors.Is(err, policy.ErrConflict) {
			t.Errorf("another under the same id: %v", err)
		}
	})
}

func TestOnlyThePlatformSendsNoticesAndOnlyOnesThatMakeSense(t *testing.T) {
	h := &house{}
	h.Service = notice.New(notice.Config{Store: &h.store, Cursors: h, Preferences: h})
	good := notice.Notice{ID: "n-1", User: "u-1", Class: notice.ServiceNotice, Channels: []string{"push"}}
	for _, role := range identity.Roles {
		_, err := h.Send(t.Context(), identity.Principal{User: "x", Role: role}, good)
		if (err == nil) != (role == identity.Service) {
			t.Errorf("%s: %v", role, err)
		}
	}
	for name, change := range map[string]func(*notice.Notice){
		"no id": func(n *notice.Notice) { n.ID = "" }, "no user": func(n *notice.Notice) { n.User = "" }, "no class": func(n *notice.Notice) { n.Class = "" },
		"no channel": func(n *notice.Notice) { n.Channels = nil }, "an unknown channel": func(n *notice.Notice) { n.Channels = []string{"fax"} },
		"a channel twice": func(n *notice.Notice) { n.Channels = []string{"push", "push"} }, "an id that is not UTF-8": func(n *notice.Notice) { n.ID = "\xff" },
	} {
		n := good
		change(&n)
		if _, err := h.Send(t.Context(), platform, n); !errors.Is(err, policy.ErrBadRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
