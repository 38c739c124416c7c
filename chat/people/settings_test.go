package people_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"parley/chat/chattest"
	"parley/chat/people"
	"parley/chat/people/peopletest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

func defaults() wire.Settings {
	return wire.Settings{
		Receipts: true, Presence: true, Insight: true, Notices: map[string][]string{}, Reminders: []string{"push"},
		Quiet: wire.Quiet{From: "22:00", To: "08:00"}, Greetings: []string{}, Replies: []string{},
	}
}

func (w *town) settings(p identity.Principal) wire.Settings {
	w.t.Helper()
	got, err := w.Settings(w.t.Context(), p)
	w.must(err)
	return got
}

func TestSettingsReplaceWhatIsThereAndLeaveTheRest(t *testing.T) {
	w := newTown(t)
	want := defaults()
	if got := w.settings(ann); !reflect.DeepEqual(got, want) {
		t.Errorf("of who set nothing: %+v, want %+v", got, want)
	}
	for _, c := range []struct {
		set  wire.SettingsSet
		then func()
	}{
		{wire.SettingsSet{}, func() {}},
		{wire.SettingsSet{Receipts: ptr(false)}, func() { want.Receipts = false }},
		{wire.SettingsSet{Hide: &wire.Hide{Companies: []string{"c-2", "c-1", "c-2"}}, Insight: ptr(false)},
			func() { want.Hide.Companies, want.Insight = []string{"c-1", "c-2"}, false }},
		{wire.SettingsSet{Hide: &wire.Hide{Headhunters: true}}, func() { want.Hide = wire.Hide{Headhunters: true} }},
		{wire.SettingsSet{Notices: ptr(map[string][]string{"marketing": {"sms", "push", "sms"}, "recommendation": {}})},
			func() { want.Notices = map[string][]string{"marketing": {"sms", "push"}} }},
		{wire.SettingsSet{Reminders: ptr([]string{}), Quiet: &wire.Quiet{From: "23:30", To: "07:00", Zone: "Europe/Berlin"}},
			func() {
				want.Reminders, want.Quiet = []string{}, wire.Quiet{From: "23:30", To: "07:00", Zone: "Europe/Berlin"}
			}},
		{wire.SettingsSet{Quiet: &wire.Quiet{Zone: "Asia/Shanghai"}}, func() { want.Quiet = wire.Quiet{} }},
		{wire.SettingsSet{Greetings: ptr([]string{"您好！\n方便聊聊吗？"}), Replies: ptr([]string{"好的"}), Presence: ptr(false), Receipts: ptr(true)},
			func() {
				want.Greetings, want.Replies, want.Presence, want.Receipts = []string{"您好！\n方便聊聊吗？"}, []string{"好的"}, false, true
			}},
	} {
		c.then()
		got, err := w.Set(t.Context(), ann, c.set)
		if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(w.settings(ann), want) {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
		if pushed := w.told.take(); len(pushed) != 1 || pushed[0].user != ann.User || !reflect.DeepEqual(pushed[0].body, wire.Body(want)) {
			t.Errorf("told %+v", pushed)
		}
	}
	if got := w.settings(bea); !reflect.DeepEqual(got, defaults()) {
		t.Errorf("another's are %+v", got)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	many, long := make([]string, people.MaxList+1), strings.Repeat("字", people.MaxText/3+1)
	for i := range many {
		many[i] = fmt.Sprint("c-", i)
	}
	w := newTown(t)
	w.set(ann, wire.SettingsSet{Replies: ptr([]string{"before"})})
	before := w.settings(ann)
	w.told.take()
	for name, c := range map[string]struct {
		set  wire.SettingsSet
		want error
	}{
		"too many companies":      {wire.SettingsSet{Hide: &wire.Hide{Companies: many}}, policy.ErrTooLarge},
		"a company without id":    {wire.SettingsSet{Hide: &wire.Hide{Companies: []string{""}}}, policy.ErrBadRequest},
		"a long company id":       {wire.SettingsSet{Hide: &wire.Hide{Companies: []string{strings.Repeat("c", 129)}}}, policy.ErrBadRequest},
		"service notices (T10)":   {wire.SettingsSet{Notices: ptr(map[string][]string{"service": {}})}, policy.ErrBadRequest},
		"an unknown class":        {wire.SettingsSet{Notices: ptr(map[string][]string{"news": {"push"}})}, policy.ErrBadRequest},
		"an unknown channel":      {wire.SettingsSet{Notices: ptr(map[string][]string{"marketing": {"fax"}})}, policy.ErrBadRequest},
		"reminders by fax":        {wire.SettingsSet{Reminders: ptr([]string{"push", "fax"})}, policy.ErrBadRequest},
		"quiet without an end":    {wire.SettingsSet{Quiet: &wire.Quiet{From: "22:00"}}, policy.ErrBadRequest},
		"quiet around the clock":  {wire.SettingsSet{Quiet: &wire.Quiet{From: "22:00", To: "22:00"}}, policy.ErrBadRequest},
		"quiet from no time":      {wire.SettingsSet{Quiet: &wire.Quiet{From: "24:00", To: "08:00"}}, policy.ErrBadRequest},
		"quiet from a short time": {wire.SettingsSet{Quiet: &wire.Quiet{From: "22:00", To: "8:00"}}, policy.ErrBadRequest},
		"quiet in no zone":        {wire.SettingsSet{Quiet: &wire.Quiet{From: "22:00", To: "08:00", Zone: "Asia/Nowhere"}}, policy.ErrBadRequest},
		"quiet in a file":         {wire.SettingsSet{Quiet: &wire.Quiet{From: "22:00", To: "08:00", Zone: "../../etc/passwd"}}, policy.ErrBadRequest},
		"quiet where we are":      {wire.SettingsSet{Quiet: &wire.Quiet{From: "22:00", To: "08:00", Zone: "Local"}}, policy.ErrBadRequest},
		"too many greetings":      {wire.SettingsSet{Greetings: &many}, policy.ErrTooLarge},
		"a long reply":            {wire.SettingsSet{Replies: ptr([]string{long})}, policy.ErrTooLarge},
		"a reply of blanks":       {wire.SettingsSet{Replies: ptr([]string{" \n "})}, policy.ErrBadRequest},
		"a reply of controls":     {wire.SettingsSet{Replies: ptr([]string{"a\x1b[31m"})}, policy.ErrBadRequest},
		"a reply not UTF-8":       {wire.SettingsSet{Replies: ptr([]string{"a\xff"})}, policy.ErrBadRequest},
	} {
		c.set.Receipts = ptr(false) // must not take effect
		if _, err := w.Set(t.Context(), ann, c.set); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if got := w.settings(ann); !reflect.DeepEqual(got, before) || len(w.told.take()) > 0 {
		t.Errorf("what was refused took effect: %+v", got)
	}
}

// T4 and T11 are a candidate's to set; the rest is everybody's who talks.
func TestWhoSetsWhat(t *testing.T) {
	w := newTown(t)
	hide, insight, rest := wire.SettingsSet{Hide: &wire.Hide{Everybody: true}}, wire.SettingsSet{Insight: ptr(false)}, wire.SettingsSet{Presence: ptr(false)}
	for _, role := range identity.Roles {
		p := identity.Principal{User: "u-x", Role: role}
		talks := role == identity.Candidate || role == identity.Recruiter || role == identity.Headhunter
		for name, c := range map[string]struct {
			set wire.SettingsSet
			may bool
		}{"hide": {hide, role == identity.Candidate}, "insight": {insight, role == identity.Candidate}, "presence": {rest, talks}} {
			if _, err := w.Set(t.Context(), p, c.set); (err == nil) != c.may || err != nil && !errors.Is(err, policy.ErrForbidden) {
				t.Errorf("%s as %s: %v", name, role, err)
			}
		}
		if _, err := w.Settings(t.Context(), p); (err == nil) != talks {
			t.Errorf("settings as %s: %v", role, err)
		}
		if _, err := w.Blocks(t.Context(), p); (err == nil) != talks {
			t.Errorf("blocks as %s: %v", role, err)
		}
		if err := w.Block(t.Context(), p, wire.Block{Conversation: "c", User: "u"}); err == nil {
			t.Errorf("block as %s in no conversation", role)
		}
	}
}

// Another device is quicker by a hair, on another node.
func TestAChangeThatIsOvertakenKeepsTheOther(t *testing.T) {
	w := newTown(t)
	for range 2 {
		w.store.beforePut = func() {
			if _, err := w.node().Set(t.Context(), ann, wire.SettingsSet{Receipts: ptr(!w.settings(ann).Receipts)}); err != nil {
				t.Error(err)
			}
		}
		before := w.settings(ann)
		w.set(ann, wire.SettingsSet{Presence: ptr(!before.Presence)})
		if got := w.settings(ann); got.Presence == before.Presence || got.Receipts == before.Receipts {
			t.Errorf("got %+v after %+v", got, before)
		}
	}
}

// Two devices on two nodes change different things at once: both hold.
func TestChangesAtOnceAllHold(t *testing.T) {
	w := newTown(t)
	nodes := []*people.Service{w.Service, w.node()}
	changes := []wire.SettingsSet{{Receipts: ptr(false)}, {Presence: ptr(false)}, {Insight: ptr(false)}, {Replies: ptr([]string{"好"})}}
	var all sync.WaitGroup
	for i, c := range changes {
		all.Go(func() {
			if _, err := nodes[i%2].Set(t.Context(), ann, c); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := w.settings(ann); got.Receipts || got.Presence || got.Insight || len(got.Replies) != 1 {
		t.Errorf("got %+v", got)
	}
}

// A failure tells the caller; what took effect in spite of it is found by the repeat and is not done twice.
func TestAChangeMayBeRepeatedAfterAnyFailure(t *testing.T) {
	for _, fault := range []peopletest.Fault{peopletest.Fails, peopletest.FailsPersisted} {
		w := newTown(t)
		at := w.open(rob, ann)
		block := wire.Block{Conversation: string(at), User: "u-rob"}
		tries := map[string]func(*people.Service) error{
			"set": func(s *people.Service) error {
				_, err := s.Set(t.Context(), ann, wire.SettingsSet{Receipts: ptr(false)})
				return err
			},
			"block": func(s *people.Service) error { return s.Block(t.Context(), ann, block) },
			"limit": func(s *people.Service) error {
				_, err := s.LimitOf(t.Context(), chattest.Platform, rob.User, ptr(3))
				return err
			},
			"close": func(s *people.Service) error { return s.Close(t.Context(), chattest.Platform, bea.User) },
		}
		for name, try := range tries {
			w.faults.Next(fault)
			if err := try(w.Service); !errors.Is(err, peopletest.ErrFault) {
				t.Errorf("%s: %v, want the fault", name, err)
			}
			if err := try(w.node()); err != nil { // after a crash
				t.Errorf("%s again: %v", name, err)
			}
		}
		blocks, err := w.Blocks(t.Context(), ann)
		if err != nil || len(blocks.Blocks) != 1 || w.settings(ann).Receipts {
			t.Errorf("fault %d: blocks %+v, settings %+v, %v", fault, blocks, w.settings(ann), err)
		}
		same(t, "he sends", w.say(rob, at), policy.ErrClosed)
		if q, err := w.Quota(t.Context(), rob); err != nil || q.Limit != 3 || q.Left != 2 {
			t.Errorf("quota %+v, %v", q, err)
		}
	}
}

// A4: the store learns neither who somebody is nor what they set; a document fits no other place.
func TestDocumentsAreSealedAndBoundToTheirPlace(t *testing.T) {
	w := newTown(t)
	at := w.open(rob, ann)
	w.block(ann, at, rob, true)
	w.hide(ann, wire.Hide{Companies: []string{"c-secret"}})
	w.hide(bea, wire.Hide{Companies: []string{"c-secret"}})
	rows := w.memory.Rows()
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	var owners []people.Hash
	for owner, r := range rows {
		owners = append(owners, owner)
		for _, secret := range []string{"u-ann", "u-rob", "c-acme", "c-secret", string(at), "hide"} {
			if bytes.Contains(r.Sealed, []byte(secret)) || bytes.Contains(owner[:], []byte(secret)) {
				t.Errorf("the store can read %q", secret)
			}
		}
	}
	w.memory.Swap(owners[0], owners[1])
	for _, p := range []identity.Principal{ann, bea} {
		if got, err := w.node().Settings(t.Context(), p); err == nil {
			t.Errorf("another's document was taken for one's own: %+v", got)
		} else if strings.Contains(err.Error(), "u-") || strings.Contains(err.Error(), "c-") {
			t.Errorf("the error tells: %v", err)
		}
	}
	// What can't be read refuses: nobody is reached because a row is damaged.
	w.clock.pass(people.Fresh)
	if err := w.say(rob, at); err == nil {
		t.Error("a message went through past a document that can't be read")
	}
}

// A change overtakes a message whose sender's node has just read what was before: the message may go through, the next does not.
func TestWhatWasReadBeforeAChangeIsNotRememberedAfterIt(t *testing.T) {
	w := newTown(t)
	at := w.open(rob, ann)
	w.store.afterLoad = func() { w.hide(ann, wire.Hide{Everybody: true}) }
	if err := w.say(rob, at); err != nil && !isRefusal(err, policy.ErrClosed) {
		t.Fatal(err)
	}
	same(t, "the next", w.say(rob, at), policy.ErrClosed)
}

// And once the change is done, nothing of before is gone by.
func TestWhatIsChangedHereHoldsHereAtOnce(t *testing.T) {
	w := newTown(t)
	at := w.open(rob, ann)
	for range 3 {
		w.must(w.say(rob, at))
		w.hide(ann, wire.Hide{Everybody: true})
		same(t, "hidden", w.say(rob, at), policy.ErrClosed)
		w.hide(ann, wire.Hide{})
	}
}
