package noticetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"parley/internal/identity"
	"parley/internal/notice"
	"parley/internal/outbox"
)

// Opened is an empty store, a way to have time pass for it, and what it has put into the outbox.
type Opened struct {
	notice.Store
	Pass   func(time.Duration)
	Events func() []outbox.Event
}

// Run runs what every store must do.
func Run(t *testing.T, open func(t *testing.T) Opened) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s Opened)
	}{
		{"what is unread comes due once, and a repeat changes nothing", unreadOnce},
		{"something newer makes a reminder due earlier, never later", unreadEarlier},
		{"concurrent claims share nothing", claimsApart},
		{"a lost claim comes back when its lease is over", leases},
		{"a reminder's event and next state are one", reminds},
		{"what came during the last reminder is not lost", remindsLast},
		{"a late claim changes nothing", fences},
		{"what was read is forgotten, unless something newer came", forgets},
		{"a notice is kept once", keepsOnce},
		{"a notice goes out when it is due, once", settles},
		{"old ones expire", expires},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // the tests mostly wait for disks
			c.run(t, open(t))
		})
	}
}

const (
	wait  = 5 * time.Minute
	hold  = time.Minute
	again = 24 * time.Hour
)

func unread(t testing.TB, s Opened, seq uint64, users ...identity.UserID) {
	t.Helper()
	var rows []notice.Unread
	for _, u := range users {
		rows = append(rows, notice.Unread{User: u, Conversation: "c-1", Seq: seq, At: time.Now()})
	}
	if err := s.Unread(t.Context(), rows, wait); err != nil {
		t.Fatal(err)
	}
}

func claim(t testing.TB, s Opened, want int) []notice.Reminder {
	t.Helper()
	all, err := s.ClaimReminders(t.Context(), 10, hold)
	if err != nil || len(all) != want {
		t.Fatalf("%d reminders are due, %v; want %d", len(all), err, want)
	}
	return all
}

// Event is one that a reminder brings.
func Event(t testing.TB, r notice.Reminder) outbox.Event {
	t.Helper()
	id, err := outbox.NewID()
	if err != nil {
		t.Fatal(err)
	}
	return outbox.Event{
		ID: id, Kind: outbox.ReminderUnread, At: time.Now().UTC().Truncate(time.Microsecond), Conversation: r.Conversation, Seq: r.Seq, User: r.User, Channel: "push",
	}
}

func remind(t testing.TB, s Opened, r notice.Reminder, n notice.Next, want bool) {
	t.Helper()
	n.Again = again
	if done, err := s.Remind(t.Context(), r, n, Event(t, r)); done != want || err != nil {
		t.Fatalf("reminded %v, %v; want %v", done, err, want)
	}
}

func unreadOnce(t *testing.T, s Opened) {
	unread(t, s, 3, "u-1", "u-2")
	claim(t, s, 0)
	s.Pass(wait)
	unread(t, s, 3, "u-1")
	unread(t, s, 2, "u-1")
	for _, r := range claim(t, s, 2) {
		if r.Seq != 3 || r.Told != 0 || r.Ago != 0 || r.Step != 0 || r.Conversation != "c-1" {
			t.Errorf("claimed %+v", r)
		}
	}
}

func unreadEarlier(t *testing.T, s Opened) {
	unread(t, s, 3, "u-1")
	s.Pass(wait - time.Minute)
	unread(t, s, 4, "u-1") // not put off
	s.Pass(time.Minute)
	r := claim(t, s, 1)[0]
	remind(t, s, r, notice.Next{Step: 1, Wait: time.Hour}, true)
	unread(t, s, 5, "u-1")
	s.Pass(wait)
	if r := claim(t, s, 1)[0]; r.Seq != 5 || r.Told != 4 || r.Step != 1 || r.Ago < wait || r.Ago > wait+time.Minute {
		t.Errorf("claimed %+v", r)
	}
}

func claimsApart(t *testing.T, s Opened) {
	users := []identity.UserID{"u-1", "u-2", "u-3", "u-4", "u-5", "u-6"}
	unread(t, s, 1, users...)
	s.Pass(wait)
	var mu sync.Mutex
	var got []identity.UserID
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				all, err := s.ClaimReminders(t.Context(), 2, hold)
				if err != nil {
					t.Error(err)
				}
				if len(all) == 0 {
					return
				}
				mu.Lock()
				for _, r := range all {
					got = append(got, r.User)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	claim(t, s, 0)
	if slices.Sort(got); !slices.Equal(got, users) {
		t.Errorf("claimed %v", got)
	}
}

func leases(t *testing.T, s Opened) {
	unread(t, s, 1, "u-1")
	s.Pass(wait)
	claim(t, s, 1)
	claim(t, s, 0)
	s.Pass(hold)
	r := claim(t, s, 1)[0]
	if err := s.Postpone(t.Context(), r, time.Hour); err != nil {
		t.Fatal(err)
	}
	s.Pass(hold)
	claim(t, s, 0)
	s.Pass(time.Hour - hold)
	claim(t, s, 1)
}

func reminds(t *testing.T, s Opened) {
	unread(t, s, 1, "u-1")
	s.Pass(wait)
	remind(t, s, claim(t, s, 1)[0], notice.Next{Step: 1, Wait: time.Hour}, true)
	if es := s.Events(); len(es) != 1 || es[0].User != "u-1" || es[0].Seq != 1 || es[0].Check() != nil {
		t.Errorf("events %+v", es)
	}
	claim(t, s, 0)
	s.Pass(time.Hour)
	r := claim(t, s, 1)[0]
	if r.Step != 1 || r.Told != 1 || r.Ago < time.Hour {
		t.Errorf("claimed %+v", r)
	}
	remind(t, s, r, notice.Next{Step: 2}, true)
	s.Pass(100 * time.Hour)
	claim(t, s, 0)
	unread(t, s, 2, "u-1")
	s.Pass(wait)
	if r := claim(t, s, 1)[0]; r.Step != 2 || r.Told != 1 || r.Seq != 2 {
		t.Errorf("claimed %+v", r)
	}
}

func remindsLast(t *testing.T, s Opened) {
	unread(t, s, 1, "u-1")
	s.Pass(wait)
	r := claim(t, s, 1)[0]
	unread(t, s, 2, "u-1")
	remind(t, s, r, notice.Next{Step: 1}, true)
	s.Pass(again - time.Minute)
	claim(t, s, 0)
	s.Pass(time.Minute)
	claim(t, s, 1)
}

func fences(t *testing.T, s Opened) {
	unread(t, s, 1, "u-1")
	s.Pass(wait)
	late := claim(t, s, 1)[0]
	s.Pass(hold)
	r := claim(t, s, 1)[0]
	remind(t, s, late, notice.Next{Step: 1, Wait: time.Hour}, false)
	if err := s.Forget(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	if err := s.Postpone(t.Context(), late, 0); err != nil {
		t.Fatal(err)
	}
	claim(t, s, 0)
	if n := len(s.Events()); n != 0 {
		t.Errorf("%d events of a late claim", n)
	}
	remind(t, s, r, notice.Next{Step: 1, Wait: time.Hour}, true)
	remind(t, s, r, notice.Next{Step: 1, Wait: time.Hour}, false)
}

func forgets(t *testing.T, s Opened) {
	unread(t, s, 1, "u-1")
	s.Pass(wait)
	r := claim(t, s, 1)[0]
	unread(t, s, 2, "u-1")
	if err := s.Forget(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	s.Pass(hold)
	r = claim(t, s, 1)[0]
	if err := s.Forget(t.Context(), r); err != nil || r.Seq != 2 {
		t.Fatal(r, err)
	}
	s.Pass(again)
	claim(t, s, 0)
	unread(t, s, 2, "u-1") // told once more, as after a crash: it is found out that it was read
	s.Pass(wait)
	claim(t, s, 1)
}

// sms is a notice.
var sms = notice.Notice{ID: "n-1", User: "u-1", Class: notice.Marketing, Channels: []string{"sms", "push"}}

func keepsOnce(t *testing.T, s Opened) {
	for range 2 {
		got, err := s.Keep(t.Context(), sms, 0)
		if err != nil || got.ID != "n-1" || got.User != "u-1" || got.Class != notice.Marketing || !slices.Equal(got.Channels, sms.Channels) {
			t.Errorf("kept %+v, %v", got, err)
		}
	}
	other := sms
	other.User = "u-2"
	if got, err := s.Keep(t.Context(), other, 0); err != nil || got.User != "u-1" {
		t.Errorf("another of the same id: %+v, %v", got, err)
	}
	if n := len(notices(t, s)); n != 1 {
		t.Errorf("%d are due", n)
	}
}

func notices(t testing.TB, s Opened) []notice.Due {
	t.Helper()
	all, err := s.ClaimNotices(t.Context(), 10, hold)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func settles(t *testing.T, s Opened) {
	if _, err := s.Keep(t.Context(), sms, time.Hour); err != nil {
		t.Fatal(err)
	}
	if n := len(notices(t, s)); n != 0 {
		t.Errorf("%d are due an hour early", n)
	}
	s.Pass(time.Hour)
	late := notices(t, s)[0]
	s.Pass(hold)
	d := notices(t, s)[0]
	if err := s.Delay(t.Context(), d, time.Hour); err != nil {
		t.Fatal(err)
	}
	s.Pass(time.Hour)
	d = notices(t, s)[0]
	e := Event(t, notice.Reminder{})
	e = outbox.Event{ID: e.ID, Kind: outbox.NoticeSend, At: e.At, User: d.User, Channel: "sms", Class: string(d.Class), Notice: d.ID}
	for _, c := range []struct {
		d    notice.Due
		done bool
	}{{late, false}, {d, true}, {d, false}} {
		if done, err := s.Settle(t.Context(), c.d, e); done != c.done || err != nil {
			t.Errorf("settled %v, %v; want %v", done, err, c.done)
		}
	}
	s.Pass(100 * time.Hour)
	if n := len(notices(t, s)); n != 0 || len(s.Events()) != 1 {
		t.Errorf("%d are due, %d events", n, len(s.Events()))
	}
}

func expires(t *testing.T, s Opened) {
	if _, err := s.Keep(t.Context(), sms, 0); err != nil {
		t.Fatal(err)
	}
	if done, err := s.Settle(t.Context(), notices(t, s)[0]); !done || err != nil {
		t.Fatal(done, err)
	}
	waiting := sms
	waiting.ID = "n-2"
	if _, err := s.Keep(t.Context(), waiting, 1000*time.Hour); err != nil {
		t.Fatal(err)
	}
	unread(t, s, 1, "u-1")
	s.Pass(wait)
	remind(t, s, claim(t, s, 1)[0], notice.Next{Step: 1}, true)
	s.Pass(100 * time.Hour)
	if err := s.Expire(t.Context(), 50*time.Hour); err != nil {
		t.Fatal(err)
	}
	other := sms
	other.User = "u-9"
	if got, err := s.Keep(t.Context(), other, 0); err != nil || got.User != "u-9" {
		t.Errorf("an expired notice is still known: %+v, %v", got, err)
	}
	other.ID = "n-2"
	if got, err := s.Keep(t.Context(), other, 0); err != nil || got.User != "u-1" {
		t.Errorf("one that waits is not: %+v, %v", got, err)
	}
	unread(t, s, 1, "u-1")
	s.Pass(wait)
	if r := claim(t, s, 1)[0]; r.Told != 0 {
		t.Errorf("an expired reminder is still known: %+v", r)
	}
}
