package exchange_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/exchange"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

var (
	ann, rob, hana = chattest.Ann, chattest.Rob, chattest.Hana

	askWeChat   = wire.ExchangeRequest{What: "wechat", Value: robsWeChat}
	giveWeChat  = wire.ExchangeAnswer{Value: annsWeChat}
	askPhone    = wire.ExchangeRequest{What: "phone"}
	askResume   = wire.ExchangeRequest{What: "resume"}
	offerResume = wire.ExchangeRequest{What: "resume", Card: card(), Attachment: file}
	giveResume  = wire.ExchangeAnswer{Card: card(), Attachment: file}
)

// deal is an exchange that was asked for by one and accepted by another.
func (w *world) deal(from, to identity.Principal, f wire.ExchangeRequest, a wire.ExchangeAnswer) string {
	w.t.Helper()
	s := w.is("requested")(w.As(from).request(f))
	w.is("accepted")(w.As(to).accept(s.Exchange, a))
	return s.Exchange
}

func TestWeChatIsReadByBothOnceBothAgreed(t *testing.T) {
	for _, c := range []struct {
		name              string
		asker, other      identity.Principal
		asked, given      string
		wantAsker, wantOt string
	}{
		{"the recruiter asks", rob, ann, robsWeChat, annsWeChat, annsWeChat, robsWeChat},
		{"the candidate asks", ann, rob, annsWeChat, robsWeChat, robsWeChat, annsWeChat},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := start(t, three)
			s := w.is("requested")(w.As(c.asker).request(wire.ExchangeRequest{What: "wechat", Value: c.asked}))
			if s.By != string(c.asker.User) || s.What != "wechat" || !s.Until.After(w.clock.Now()) {
				t.Errorf("the state is %+v", s)
			}
			w.hidden(s.Exchange, ann, rob, Rita)
			w.is("accepted")(w.As(c.other).accept(s.Exchange, wire.ExchangeAnswer{Value: c.given}))
			w.reads(c.asker, s.Exchange, c.wantAsker)
			w.reads(c.other, s.Exchange, c.wantOt)
			w.hidden(s.Exchange, Rita)
			w.told(s.Exchange, "requested "+string(c.asker.User), "accepted "+string(c.other.User))
		})
	}
}

// envelope is what is sealed beside an exchange.
func (w *world) envelope(id string) string {
	w.t.Helper()
	x, err := w.Thing(w.t.Context(), w.id, chat.ThingID(id))
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := w.OpenValue(w.t.Context(), w.id, "", "exchange/"+id, x.Sealed)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

func TestWhatIsTakenBackIsReadByNobodyFromThenOn(t *testing.T) {
	for _, by := range []identity.Principal{ann, rob} {
		for _, what := range []string{"wechat", "phone"} {
			t.Run(what+" by "+string(by.Role), func(t *testing.T) {
				w := start(t, two)
				f, a := askWeChat, giveWeChat
				if what == "phone" {
					f, a = askPhone, wire.ExchangeAnswer{}
				}
				id := w.deal(rob, ann, f, a)
				if v, err := w.As(rob).read(id); err != nil || v.Value == "" {
					t.Fatalf("before: %v", err)
				}
				if c, err := w.View(t.Context(), rob, w.id); err != nil || !c.Exchanged {
					t.Errorf("the inbox shows no exchange, %v", err)
				}
				if what == "wechat" && !strings.Contains(w.envelope(id), `"given"`) {
					t.Errorf("beside the exchange lies %s", w.envelope(id))
				}
				w.is("withdrawn")(w.As(by).withdraw(id))
				w.hidden(id, ann, rob)
				if c, err := w.View(t.Context(), rob, w.id); err != nil || c.Exchanged {
					t.Errorf("the inbox still shows an exchange, %v", err)
				}
				if e := w.envelope(id); strings.Contains(e, `"given"`) || strings.Contains(e, `"asked"`) {
					t.Errorf("beside what was taken back lies %s", e)
				}
				w.is("withdrawn")(w.As(ann).withdraw(id))
				w.is("withdrawn")(w.As(rob).withdraw(id))
				w.refused(policy.ErrGone)(w.As(ann).accept(id, a))
				w.told(id, "requested u-rob", "accepted u-ann", "withdrawn "+string(by.User))
				if w.numbers.bound() != 0 {
					t.Error("the number still connects them")
				}
				w.deal(ann, rob, wire.ExchangeRequest{What: what, Value: f.Value}, wire.ExchangeAnswer{Value: a.Value})
			})
		}
	}
}

func TestANoIsFinal(t *testing.T) {
	for name, end := range map[string]func(w *world, id string){
		"declined":  func(w *world, id string) { w.is("declined")(w.As(ann).decline(id)) },
		"withdrawn": func(w *world, id string) { w.is("withdrawn")(w.As(rob).withdraw(id)) },
		"expired": func(w *world, _ string) {
			w.clock.pass(week + 1)
			exchange.Sweep(w.x, t.Context())
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, two)
			f := askWeChat
			f.CID = string(chattest.CID(t))
			id := w.is("requested")(w.As(rob).request(f)).Exchange
			end(w, id)
			before := w.steps(id)
			w.refused(policy.ErrGone)(w.As(ann).accept(id, giveWeChat))
			if name != "declined" {
				w.refused(policy.ErrGone)(w.As(ann).decline(id))
			}
			if name != "withdrawn" {
				w.refused(policy.ErrGone)(w.As(rob).withdraw(id))
			}
			w.hidden(id, ann, rob)
			w.is(name)(w.As(rob).request(f))
			w.told(id, before...)
			if f.CID = ""; w.is("requested")(w.As(rob).request(f)).Exchange == id {
				t.Error("a new request is the old exchange")
			}
		})
	}
}

func TestAnAnswerThatComesTooLateIsRefusedBeforeAnybodyNoticed(t *testing.T) {
	w := start(t, two)
	late := w.is("requested")(w.As(rob).request(askWeChat)).Exchange
	w.clock.pass(week)
	w.refused(policy.ErrGone)(w.As(ann).accept(late, giveWeChat))
	w.told(late, "requested u-rob", "expired ")
	w.hidden(late, ann, rob)
	again := w.is("requested")(w.As(rob).request(askWeChat)).Exchange
	w.clock.pass(week)
	w.is("requested")(w.As(ann).request(wire.ExchangeRequest{What: "wechat", Value: annsWeChat})) // not an answer to the old one
	w.told(again, "requested u-rob", "expired ")
}

func TestOnlyTheOtherSideAnswers(t *testing.T) {
	w := start(t, three)
	id := w.is("requested")(w.As(rob).request(askWeChat)).Exchange
	w.refused(policy.ErrForbidden)(w.As(rob).accept(id, giveWeChat))
	w.refused(policy.ErrForbidden)(w.As(Rita).accept(id, giveWeChat))
	w.refused(policy.ErrForbidden)(w.As(Rita).decline(id))
	w.refused(policy.ErrForbidden)(w.As(Rita).withdraw(id))
	w.refused(policy.ErrForbidden)(w.As(ann).withdraw(id))
	w.refused(policy.ErrConflict)(w.As(Rita).request(askWeChat)) // one at a time
	w.refused(policy.ErrConflict)(w.As(rob).request(askWeChat))
	w.is("accepted")(w.As(ann).accept(id, giveWeChat))
	w.is("accepted")(w.As(ann).accept(id, giveWeChat)) // again
	w.refused(policy.ErrForbidden)(w.As(Rita).withdraw(id))
	w.refused(policy.ErrConflict)(w.As(rob).request(askWeChat)) // it holds
	w.refused(policy.ErrConflict)(w.As(ann).request(askWeChat))
	w.is("requested")(w.As(Rita).request(askWeChat)) // hers
	w.told(id, "requested u-rob", "accepted u-ann")
}

func TestStrangersLearnNothingOfExchanges(t *testing.T) {
	w := start(t, two)
	id := w.deal(rob, ann, askWeChat, giveWeChat)
	other := w.NewConversation()
	as := func(u identity.UserID, r identity.Role) identity.Principal {
		return identity.Principal{User: u, Role: r}
	}
	for _, c := range []struct {
		who  identity.Principal
		want error
	}{
		{as("u-x", identity.Recruiter), policy.ErrNotFound},
		{as(ann.User, identity.Recruiter), policy.ErrNotFound},
		{as(rob.User, identity.Headhunter), policy.ErrNotFound},
		{as(rob.User, identity.Service), policy.ErrForbidden},
		{as(rob.User, identity.Support), policy.ErrForbidden},
		{as(rob.User, identity.Viewer), policy.ErrForbidden},
		{identity.Principal{}, policy.ErrUnauthenticated},
	} {
		a := w.As(c.who)
		w.refused(c.want)(a.request(askWeChat))
		w.refused(c.want)(a.accept(id, giveWeChat))
		w.refused(c.want)(a.withdraw(id))
		if _, err := a.read(id); !errors.Is(err, c.want) {
			t.Errorf("read as %v: %v", c.who, err)
		}
	}
	w.id = other // what is elsewhere is nowhere
	w.hidden(id, ann, rob)
	w.hidden("nothing", ann, rob)
	w.hidden(strings.Repeat("x", 1<<16), ann, rob)
	w.refused(policy.ErrNotFound)(w.As(ann).withdraw(id))
}

func TestARequestIsChecked(t *testing.T) {
	w := start(t, two)
	for name, c := range map[string]struct {
		who identity.Principal
		f   wire.ExchangeRequest
	}{
		"nothing":                      {rob, wire.ExchangeRequest{}},
		"something else":               {rob, wire.ExchangeRequest{What: "mail"}},
		"a cid of another form":        {rob, wire.ExchangeRequest{What: "phone", CID: "1"}},
		"a cid in upper case":          {rob, wire.ExchangeRequest{What: "phone", CID: "0195794E-0000-7000-8000-00000000F11E"}},
		"no wechat":                    {rob, wire.ExchangeRequest{What: "wechat"}},
		"a phone number as wechat":     {rob, wire.ExchangeRequest{What: "wechat", Value: "13812345678"}},
		"a wechat with a phone number": {ann, wire.ExchangeRequest{What: "wechat", Value: "wx-13812345678"}},
		"a wechat with a card":         {ann, wire.ExchangeRequest{What: "wechat", Value: annsWeChat, Card: card()}},
		"a real phone":                 {ann, wire.ExchangeRequest{What: "phone", Value: "13812345678"}},
		"a phone with a file":          {ann, wire.ExchangeRequest{What: "phone", Attachment: file}},
		"a resume without a card":      {ann, wire.ExchangeRequest{What: "resume", Attachment: file}},
		"a card without a title":       {ann, wire.ExchangeRequest{What: "resume", Card: &wire.ResumeCard{City: "上海"}}},
		"a resume with a value":        {ann, wire.ExchangeRequest{What: "resume", Card: card(), Value: annsWeChat}},
		"a recruiter's resume":         {rob, wire.ExchangeRequest{What: "resume", Card: card()}},
		"a recruiter's file":           {rob, wire.ExchangeRequest{What: "resume", Attachment: file}},
	} {
		if _, err := w.As(c.who).request(c.f); !errors.Is(err, policy.ErrBadRequest) {
			t.Errorf("%s: %v, want bad_request", name, err)
		}
	}
	w.refused(policy.ErrNotFound)(w.As(ann).request(wire.ExchangeRequest{What: "resume", Card: card(), Attachment: "another"}))
	id := w.is("requested")(w.As(rob).request(askWeChat)).Exchange
	w.refused(policy.ErrBadRequest)(w.As(ann).accept(id, wire.ExchangeAnswer{}))
	w.refused(policy.ErrBadRequest)(w.As(ann).accept(id, wire.ExchangeAnswer{Value: "13812345678"}))
	if log := w.Log(ann, w.id); len(log) != 2 {
		t.Errorf("the log has %d entries, want the opening and one request", len(log))
	}
}

func TestThereIsALimitToAsking(t *testing.T) {
	w := start(t, two)
	for range exchange.MaxRounds {
		w.is("declined")(w.As(ann).decline(w.is("requested")(w.As(rob).request(askWeChat)).Exchange))
	}
	w.refused(policy.ErrConflict)(w.As(rob).request(askWeChat))
	w.is("requested")(w.As(rob).request(askPhone))
}

func TestTheSameCIDIsTheSameRequestWhateverBecameOfIt(t *testing.T) {
	w := start(t, two)
	f := askWeChat
	f.CID = string(chattest.CID(t))
	first := w.is("requested")(w.As(rob).request(f))
	again := f
	again.Value = "another_id"
	if s := w.is("requested")(w.As(rob).request(again)); s != first {
		t.Errorf("again: %+v, want %+v", s, first)
	}
	w.is("accepted")(w.As(ann).accept(first.Exchange, giveWeChat))
	w.is("accepted")(w.As(rob).request(f))
	w.reads(ann, first.Exchange, robsWeChat)
	w.is("withdrawn")(w.As(ann).withdraw(first.Exchange))
	w.is("withdrawn")(w.As(rob).request(f))
	other := askPhone
	other.CID = f.CID
	if s := w.is("withdrawn")(w.As(rob).request(other)); s.Exchange != first.Exchange {
		t.Errorf("the same cid made %+v", s)
	}
	mine := chattest.Text(t, w.id, "hello")
	w.MustSend(ann, mine)
	w.is("requested")(w.As(ann).request(wire.ExchangeRequest{What: "phone", CID: string(mine.CID)})) // a message's cid is another name
}

func TestAPhoneGivesAVirtualNumberToBoth(t *testing.T) {
	for _, people := range [][]identity.Principal{two, hunt} {
		w := start(t, people)
		id := w.is("requested")(w.As(ann).request(askPhone)).Exchange
		if w.numbers.given != 0 {
			t.Error("a number was assigned before both agreed")
		}
		w.hidden(id, people...)
		w.is("accepted")(w.As(people[0]).accept(id, wire.ExchangeAnswer{}))
		w.reads(ann, id, "17000000001")
		w.reads(people[0], id, "17000000001")
		if ok, err := w.x.Granted(t.Context(), w.id, people[0].User, ann.User); !ok || err != nil {
			t.Errorf("granted %v, %v", ok, err)
		}
		w.is("withdrawn")(w.As(ann).withdraw(id))
		if ok, err := w.x.Granted(t.Context(), w.id, people[0].User, ann.User); ok || err != nil {
			t.Errorf("granted after it was taken back: %v, %v", ok, err)
		}
	}
}

func TestGrantedIsForTheTwoOnly(t *testing.T) {
	w := start(t, three)
	w.deal(rob, ann, askPhone, wire.ExchangeAnswer{})
	w.is("requested")(w.As(Rita).request(askPhone))
	for _, c := range []struct {
		id   chat.ConversationID
		a, b identity.UserID
		want bool
	}{
		{w.id, rob.User, ann.User, true},
		{w.id, ann.User, rob.User, true},
		{w.id, ann.User, Rita.User, false},
		{w.id, rob.User, Rita.User, false},
		{w.id, ann.User, "", false},
		{w.NewConversation(), rob.User, ann.User, false},
		{"nowhere", rob.User, ann.User, false},
	} {
		if got, err := w.x.Granted(t.Context(), c.id, c.a, c.b); got != c.want || err != nil {
			t.Errorf("%s and %s: %v, %v; want %v", c.a, c.b, got, err, c.want)
		}
	}
}

func TestWithoutNumbersAPhoneIsUnavailable(t *testing.T) {
	w := start(t, two, noNumbers)
	f := askPhone
	f.CID = string(chattest.CID(t))
	s := w.is("unavailable")(w.As(rob).request(f))
	w.is("unavailable")(w.As(rob).request(f))
	w.told(s.Exchange, "unavailable u-rob")
	w.refused(policy.ErrGone)(w.As(ann).accept(s.Exchange, wire.ExchangeAnswer{}))
	w.hidden(s.Exchange, ann, rob)
	w.is("unavailable")(w.As(ann).request(askPhone)) // and nothing was left open
}

func TestWhereNoNumberIsToBeHadAcceptingEndsIt(t *testing.T) {
	for _, out := range []func(*numbers){
		func(n *numbers) { n.fail = fmt.Errorf("pool of 13800138000: %w", exchange.ErrNoNumber) },
		func(n *numbers) { n.empty = true },
	} {
		w := start(t, two)
		id := w.is("requested")(w.As(rob).request(askPhone)).Exchange
		out(w.numbers)
		w.is("unavailable")(w.As(ann).accept(id, wire.ExchangeAnswer{}))
		w.is("unavailable")(w.As(ann).accept(id, wire.ExchangeAnswer{}))
		w.told(id, "requested u-rob", "unavailable u-ann")
		w.hidden(id, ann, rob)
	}
}

func TestAProviderThatFailsEndsNothingAndTellsNothing(t *testing.T) {
	w := start(t, two)
	id := w.is("requested")(w.As(rob).request(askPhone)).Exchange
	w.numbers.fail = errors.New("bind 13800138000: timeout")
	_, err := w.As(ann).accept(id, wire.ExchangeAnswer{})
	if !errors.Is(err, policy.ErrUnavailable) || strings.Contains(err.Error(), "13800138000") {
		t.Errorf("accept: %v", err)
	}
	w.told(id, "requested u-rob")
	w.numbers.fail = nil
	w.is("accepted")(w.As(ann).accept(id, wire.ExchangeAnswer{}))
	w.numbers.fail = errors.New("bind 13800138000: timeout")
	if _, err := w.As(rob).read(id); !errors.Is(err, policy.ErrUnavailable) || strings.Contains(err.Error(), "13800138000") {
		t.Errorf("read: %v", err)
	}
	w.is("withdrawn")(w.As(rob).withdraw(id)) // whatever the provider says
	w.hidden(id, ann, rob)
	if strings.Contains(w.logs.String(), "13800138000") || !strings.Contains(w.logs.String(), "not released") {
		t.Errorf("logged: %s", w.logs)
	}
}

func TestANumberReadWhileItIsTakenBackStaysReleased(t *testing.T) {
	w := start(t, two)
	id := w.deal(rob, ann, askPhone, wire.ExchangeAnswer{})
	w.numbers.on = func() {
		w.numbers.on = nil
		w.is("withdrawn")(w.As(ann).withdraw(id))
		if _, err := w.numbers.Assign(t.Context(), w.id, rob.User, ann.User); err != nil { // as a slower broker would
			t.Error(err)
		}
	}
	w.hidden(id, rob)
	if w.numbers.bound() != 0 {
		t.Error("the number connects them again")
	}
}
