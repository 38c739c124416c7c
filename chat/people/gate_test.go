package people_test

import (
	"testing"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/people"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// reasons are the ways in which Ann takes nothing from Rob any more; at is their conversation.
var reasons = map[string]func(w *town, at chat.ConversationID){
	"she hides from everybody":            func(w *town, _ chat.ConversationID) { w.hide(ann, wire.Hide{Everybody: true}) },
	"she hides from his company":          func(w *town, _ chat.ConversationID) { w.hide(ann, wire.Hide{Companies: []string{"c-1", "c-acme"}}) },
	"she blocks him":                      func(w *town, at chat.ConversationID) { w.block(ann, at, rob, false) },
	"she blocks his company":              func(w *town, at chat.ConversationID) { w.block(ann, at, rob, true) },
	"she closed the account":              func(w *town, _ chat.ConversationID) { w.shut(ann) },
	"she set much and closed the account": func(w *town, at chat.ConversationID) { w.block(ann, at, rob, true); w.shut(ann) },
}

// T4: to the one who is refused all reasons look the same, in what exists and in what is new, to the last byte; and so does the
// work that is done meanwhile.
func TestHiddenBlockedAndClosedAreTheSameToWhoIsRefused(t *testing.T) {
	type effort struct{ sent, opened, loads, opens int }
	efforts := map[effort]string{}
	for reason, come := range reasons {
		w := newTown(t)
		at := w.open(rob, ann)
		w.must(w.say(rob, at))
		before := len(w.chat.Log(rob, at))
		come(w, at)
		w.told.take()
		w.clock.pass(people.Fresh)

		var e effort
		w.effort()
		same(t, reason+", he sends", w.say(rob, at), policy.ErrClosed)
		e.sent, e.opens = w.effort()
		same(t, reason+", he sends again", w.say(rob, at), policy.ErrClosed)
		if loads, opens := w.effort(); loads+opens != 0 {
			t.Errorf("%s: what was read a moment ago is read again", reason)
		}
		_, err := w.try("another", rob, ann)
		same(t, reason+", he opens another", err, policy.ErrNotFound)
		e.opened, e.loads = w.effort()
		efforts[e] = reason

		if after := w.chat.Log(rob, at); len(after) != before {
			t.Errorf("%s: the log grew to %d entries", reason, len(after))
		}
		if _, err := w.chat.View(t.Context(), rob, at); err != nil {
			t.Errorf("%s: what was said can't be read any more: %v", reason, err)
		}
		if pushed := w.told.take(); len(pushed) > 0 {
			t.Errorf("%s: somebody was told %v", reason, pushed)
		}
	}
	if len(efforts) != 1 {
		t.Errorf("what is done differs by the reason: %v", efforts)
	}
}

// A retry of what was stored before keeps its place, whatever came since.
func TestARetryOfWhatWasSentBeforeTheBlockIsAcknowledged(t *testing.T) {
	w := newTown(t)
	at := w.open(rob, ann)
	d := chattest.Text(t, at, "before")
	first := w.chat.MustSend(rob, d)
	w.block(ann, at, rob, false)
	if again, err := w.chat.Send(t.Context(), rob, d); err != nil || !again.Dup || again.Seq != first.Seq {
		t.Errorf("the retry: %+v, %v; want the first place", again, err)
	}
	same(t, "something new", w.say(rob, at), policy.ErrClosed)
}

func TestWhoIsRefusedByWhom(t *testing.T) {
	for name, c := range map[string]struct {
		come    func(w *town, at chat.ConversationID)
		people  []identity.Principal // of the conversation; the first starts it
		refused []identity.Principal // who can't send there afterwards
		open    error                // for the first to start another
	}{
		"hidden from headhunters, a headhunter": {func(w *town, _ chat.ConversationID) { w.hide(ann, wire.Hide{Headhunters: true}) },
			[]identity.Principal{hana, ann}, []identity.Principal{hana}, policy.ErrNotFound},
		"hidden from headhunters, a recruiter": {func(w *town, _ chat.ConversationID) { w.hide(ann, wire.Hide{Headhunters: true}) },
			[]identity.Principal{rob, ann}, nil, nil},
		"hidden from a company, another's recruiter": {func(w *town, _ chat.ConversationID) { w.hide(ann, wire.Hide{Companies: []string{"c-acme"}}) },
			[]identity.Principal{otto, ann}, nil, nil},
		"hidden from everybody, started by herself": {func(w *town, _ chat.ConversationID) { w.hide(ann, wire.Hide{Everybody: true}) },
			[]identity.Principal{ann, rob}, []identity.Principal{rob}, nil},
		"a recruiter's hiding is of no use": {func(w *town, _ chat.ConversationID) {
			w.hide(identity.Principal{User: rob.User, Role: identity.Candidate}, wire.Hide{Everybody: true})
		}, []identity.Principal{ann, rob}, nil, nil},
		"a recruiter blocks the candidate": {func(w *town, at chat.ConversationID) { w.block(rob, at, ann, false) },
			[]identity.Principal{ann, rob}, []identity.Principal{ann}, policy.ErrNotFound},
		"who blocks may still write": {func(w *town, at chat.ConversationID) { w.block(rob, at, ann, false) },
			[]identity.Principal{rob, ann}, []identity.Principal{ann}, nil},
		"of a company that is blocked, a colleague": {func(w *town, at chat.ConversationID) { w.block(ann, at, rob, true) },
			[]identity.Principal{rita, rob, ann}, []identity.Principal{rita, rob}, policy.ErrNotFound},
		"of a person who is blocked, a colleague": {func(w *town, at chat.ConversationID) { w.block(ann, at, rob, false) },
			[]identity.Principal{rita, ann, rob}, []identity.Principal{rob}, policy.ErrNotFound},
		"one of several recruiters closed the account": {func(w *town, _ chat.ConversationID) { w.shut(rita) },
			[]identity.Principal{rob, ann, rita}, []identity.Principal{ann}, policy.ErrNotFound},
		"nobody did anything": {func(*town, chat.ConversationID) {},
			[]identity.Principal{rob, ann, rita}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			at := w.open(c.people...)
			c.come(w, at)
			for _, p := range c.people {
				refused := false
				for _, r := range c.refused {
					refused = refused || r.User == p.User
				}
				if err := w.say(p, at); refused {
					same(t, string(p.User), err, policy.ErrClosed)
				} else if err != nil && p.User != rita.User {
					t.Errorf("%s: %v", p.User, err)
				}
			}
			if _, err := w.try("another", c.people...); c.open != nil {
				same(t, "another", err, policy.ErrNotFound)
			} else if err != nil {
				t.Errorf("another: %v", err)
			}
		})
	}
}

// Nobody gets round a company by not saying which one it is.
func TestAnUnknownCompanyCountsAsAnyThatIsHiddenFrom(t *testing.T) {
	w := newTown(t)
	nowhere := rob
	nowhere.Company = ""
	at := w.open(nowhere, ann)
	w.must(w.say(nowhere, at))
	w.hide(ann, wire.Hide{Companies: []string{"c-other"}})
	same(t, "he sends", w.say(nowhere, at), policy.ErrClosed)
	_, err := w.try("another", nowhere, ann)
	same(t, "he opens", err, policy.ErrNotFound)
	w.must(w.say(rob, at)) // a token that names the company
}

func TestWhatIsTakenBackHoldsNoLonger(t *testing.T) {
	w := newTown(t)
	at := w.open(rob, ann)
	w.block(ann, at, rob, true)
	w.hide(ann, wire.Hide{Everybody: true})
	w.hide(ann, wire.Hide{})
	same(t, "still blocked", w.say(rob, at), policy.ErrClosed)
	w.must(w.Block(t.Context(), ann, wire.Block{Conversation: string(at), User: "u-rob", Company: true, Off: true}))
	w.must(w.say(rob, at))
	w.open(rob, ann)
}

// The closed account is refused by itself, and what it says is not that the other side is closed.
func TestAClosedAccountCantWrite(t *testing.T) {
	w := newTown(t)
	at := w.open(ann, rob)
	w.shut(ann)
	if err := w.say(ann, at); !isRefusal(err, policy.ErrGone) {
		t.Errorf("got %v, want gone", err)
	}
	if _, err := w.try("another", ann, otto); !isRefusal(err, policy.ErrNotFound) {
		t.Errorf("opening: %v, want not_found", err)
	}
}

// When the platform opens without saying for whom, what one side has set against the other holds all the same.
func TestThePlatformItselfOpensNothingWithWhoRefuses(t *testing.T) {
	for reason, come := range reasons {
		w := newTown(t)
		come(w, w.open(rob, ann))
		n := chat.NewConversation{Key: "by the platform", Members: []chat.NewMember{member(rob), member(ann)}}
		_, err := w.chat.Open(t.Context(), chattest.Platform, n)
		same(t, reason, err, policy.ErrNotFound)
	}
}

// A change on one node holds on the others after Fresh at the latest, and at once where a conversation is opened.
func TestOtherNodesFollow(t *testing.T) {
	w := newTown(t)
	at := w.open(rob, ann)
	attempt := chat.Attempt{By: rob, Conversation: at, Others: []chat.Party{{User: ann.User, Role: ann.Role}}}
	other := w.node()
	if _, err := other.Admit(t.Context(), attempt); err != nil {
		t.Fatal(err)
	}
	w.hide(ann, wire.Hide{Everybody: true})
	opening := chat.Opening{Key: "k", Starter: chat.Party{User: rob.User, Role: rob.Role, Company: rob.Company}, Others: attempt.Others}
	same(t, "opening there", other.MayOpen(t.Context(), opening), policy.ErrNotFound)
	w.clock.pass(people.Fresh)
	_, err := other.Admit(t.Context(), attempt)
	same(t, "sending there", err, policy.ErrClosed)
}
