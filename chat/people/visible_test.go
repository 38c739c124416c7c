package people_test

import (
	"reflect"
	"slices"
	"testing"

	"parley/chat"
	"parley/chat/people"
	"parley/internal/identity"
	"parley/signal/wire"
)

// T4 holds for presence as well, and so do blocks and one's own switch.
func TestWhoIsSeenToBeHere(t *testing.T) {
	for name, c := range map[string]struct {
		come   func(w *town)
		viewer identity.Principal
		seen   bool
	}{
		"nothing set":                        {func(*town) {}, rob, true},
		"switched off":                       {func(w *town) { w.set(ann, wire.SettingsSet{Presence: ptr(false)}) }, rob, false},
		"switched off, to oneself":           {func(w *town) { w.set(ann, wire.SettingsSet{Presence: ptr(false)}) }, ann, true},
		"hidden from everybody":              {func(w *town) { w.hide(ann, wire.Hide{Everybody: true}) }, rob, false},
		"hidden from headhunters":            {func(w *town) { w.hide(ann, wire.Hide{Headhunters: true}) }, hana, false},
		"hidden from headhunters, recruiter": {func(w *town) { w.hide(ann, wire.Hide{Headhunters: true}) }, rob, true},
		"hidden from the company":            {func(w *town) { w.hide(ann, wire.Hide{Companies: []string{"c-acme"}}) }, rita, false},
		"blocked":                            {func(w *town) { w.block(ann, w.open(rob, ann), rob, false) }, rob, false},
		"a colleague blocked":                {func(w *town) { w.block(ann, w.open(rob, ann), rob, false) }, rita, true},
		"a closed account":                   {func(w *town) { w.shut(ann) }, rob, false},
	} {
		w := newTown(t)
		c.come(w)
		got, err := w.Visible(t.Context(), c.viewer, []identity.UserID{ann.User, bea.User})
		want := []identity.UserID{bea.User}
		if c.seen {
			want = []identity.UserID{ann.User, bea.User}
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s sees %v, %v; want %v", name, c.viewer.Role, got, err, want)
		}
	}
}

func TestReceiptsCanBeSwitchedOff(t *testing.T) {
	w := newTown(t)
	at := w.open(rob, ann)
	w.must(w.say(rob, at))
	w.must(w.chat.Mark(t.Context(), ann, at, 2, 2))
	read := func() uint64 {
		c, err := w.chat.View(t.Context(), rob, at)
		w.must(err)
		for _, m := range c.Members {
			if m.User == "u-ann" {
				return m.Read
			}
		}
		return 99
	}
	if got := read(); got != 2 {
		t.Errorf("read %d, want 2", got)
	}
	w.set(ann, wire.SettingsSet{Receipts: ptr(false)})
	if got := read(); got != 0 {
		t.Errorf("read %d with receipts off", got)
	}
	off, err := w.NoReceipts(t.Context(), []identity.UserID{ann.User, rob.User, ann.User})
	if err != nil || !reflect.DeepEqual(off, map[identity.UserID]bool{ann.User: true}) {
		t.Errorf("off %v, %v", off, err)
	}
}

// T4: from who is refused cursors tell nothing: neither in views nor by pushes, whatever the reason.
func TestWhoIsRefusedSeesNoCursors(t *testing.T) {
	for name, refuse := range map[string]func(w *town, at chat.ConversationID){
		"hidden":       func(w *town, _ chat.ConversationID) { w.hide(ann, wire.Hide{Everybody: true}) },
		"blocked":      func(w *town, at chat.ConversationID) { w.block(ann, at, rob, false) },
		"closed":       func(w *town, _ chat.ConversationID) { w.shut(ann) },
		"another hide": nil,
	} {
		w := newTown(t)
		at := w.open(rob, ann)
		w.must(w.say(rob, at))
		w.must(w.chat.Mark(t.Context(), ann, at, 1, 1))
		want := uint64(0)
		if refuse != nil {
			refuse(w, at)
		} else {
			want = 2
			w.hide(ann, wire.Hide{Companies: []string{"c-other"}})
		}
		w.must(w.chat.Mark(t.Context(), ann, at, 2, 2))
		list, err := w.chat.List(t.Context(), rob)
		w.must(err)
		view, err := w.chat.View(t.Context(), rob, at)
		w.must(err)
		for _, c := range append(list, view) {
			for _, m := range c.Members {
				if m.User == "u-ann" && (m.Delivered != want || m.Read != want) {
					t.Errorf("%s: %d, %d; want %d", name, m.Delivered, m.Read, want)
				}
			}
		}
		told := w.chat.Hub.MovedTo()
		if got := slices.Contains(told[len(told)-1], rob.User); got != (want > 0) {
			t.Errorf("%s: the recruiter is told of the cursor: %v", name, got)
		}
		own, err := w.chat.View(t.Context(), ann, at)
		w.must(err)
		for _, m := range own.Members {
			if m.User == "u-ann" && m.Read != 2 {
				t.Errorf("%s: one's own cursor is %d", name, m.Read)
			}
		}
	}
}

// T10: what may be sent is what was switched on; reminders and quiet hours have defaults; a closed account gets nothing.
func TestNoticesAreOffUntilSwitchedOn(t *testing.T) {
	w := newTown(t)
	check := func(when string, on map[string][]string, reminders []string, quiet wire.Quiet) {
		t.Helper()
		w.clock.pass(people.Fresh)
		c, r, q, err := w.Notices(t.Context(), ann.User)
		if err != nil || !reflect.DeepEqual(c, on) || !reflect.DeepEqual(r, reminders) || q != quiet {
			t.Errorf("%s: %v, %v, %v, %v", when, c, r, q, err)
		}
	}
	night := wire.Quiet{From: "22:00", To: "08:00"}
	check("at first", map[string][]string{}, []string{"push"}, night)
	w.set(ann, wire.SettingsSet{Notices: ptr(map[string][]string{"recommendation": {"mail"}}), Reminders: ptr([]string{"sms", "mail"})})
	check("switched on", map[string][]string{"recommendation": {"mail"}}, []string{"sms", "mail"}, night)
	w.set(ann, wire.SettingsSet{Notices: ptr(map[string][]string{}), Reminders: ptr([]string{}), Quiet: &wire.Quiet{}})
	check("switched off", map[string][]string{}, []string{}, wire.Quiet{})
	w.set(ann, wire.SettingsSet{Notices: ptr(map[string][]string{"marketing": {"sms"}})})
	w.shut(ann)
	check("closed", nil, nil, wire.Quiet{})
}
