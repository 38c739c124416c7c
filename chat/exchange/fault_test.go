package exchange_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/exchange"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

func cid(t testing.TB) string { return string(chattest.CID(t)) }

// stories are exchanges from the first step to the last; each of their commits fails once.
var stories = map[string]func(w *world, p *patient){
	"WeChat ids, taken back": func(w *world, p *patient) {
		f := wire.ExchangeRequest{What: "wechat", Value: robsWeChat, CID: cid(w.t)}
		id := p.until("requested", func() (wire.ExchangeState, error) { return w.As(rob).request(f) })
		p.until("accepted", func() (wire.ExchangeState, error) { return w.As(ann).accept(id, giveWeChat) })
		w.reads(rob, id, annsWeChat)
		w.reads(ann, id, robsWeChat)
		p.until("withdrawn", func() (wire.ExchangeState, error) { return w.As(ann).withdraw(id) })
		w.hidden(id, ann, rob)
		w.told(id, "requested u-rob", "accepted u-ann", "withdrawn u-ann")
	},
	"phones that cross": func(w *world, p *patient) {
		one, two := wire.ExchangeRequest{What: "phone", CID: cid(w.t)}, wire.ExchangeRequest{What: "phone", CID: cid(w.t)}
		id := p.until("requested", func() (wire.ExchangeState, error) { return w.As(rob).request(one) })
		p.until("accepted", func() (wire.ExchangeState, error) { return w.As(ann).request(two) })
		w.reads(rob, id, "17000000001")
		p.until("withdrawn", func() (wire.ExchangeState, error) { return w.As(rob).withdraw(id) })
		w.hidden(id, ann, rob)
		w.told(id, "requested u-rob", "accepted u-ann", "withdrawn u-rob")
		if w.numbers.bound() != 0 {
			w.t.Error("a number is bound")
		}
	},
	"a resume, taken back": func(w *world, p *patient) {
		f := wire.ExchangeRequest{What: "resume", Card: card(), Attachment: file, CID: cid(w.t)}
		id := p.until("requested", func() (wire.ExchangeState, error) { return w.As(ann).request(f) })
		p.until("accepted", func() (wire.ExchangeState, error) { return w.As(rob).accept(id, wire.ExchangeAnswer{}) })
		p.sweep()
		if all := w.resumes(rob); len(all) != 1 || all[0].Revised != nil {
			w.t.Fatalf("the resumes are %+v", all)
		}
		p.until("withdrawn", func() (wire.ExchangeState, error) { return w.As(ann).withdraw(id) })
		w.hidden(id, ann, rob)
		if all := w.resumes(rob); len(all) != 1 || string(all[0].Content) != string(wire.RecalledContent) {
			w.t.Errorf("the resumes are %+v", all)
		}
		p.sweep()
		w.told(id, "requested u-ann", "accepted u-rob", "withdrawn u-ann")
	},
	"a request that is declined": func(w *world, p *patient) {
		f := wire.ExchangeRequest{What: "wechat", Value: robsWeChat, CID: cid(w.t)}
		id := p.until("requested", func() (wire.ExchangeState, error) { return w.As(rob).request(f) })
		p.until("declined", func() (wire.ExchangeState, error) { return w.As(ann).decline(id) })
		w.hidden(id, ann, rob)
		w.told(id, "requested u-rob", "declined u-ann")
	},
	"a request that expires": func(w *world, p *patient) {
		f := wire.ExchangeRequest{What: "phone", CID: cid(w.t)}
		id := p.until("requested", func() (wire.ExchangeState, error) { return w.As(rob).request(f) })
		w.clock.pass(week)
		p.sweep()
		w.told(id, "requested u-rob", "expired ")
	},
}

// patient repeats what failed, as a client does; after a crash it meets a fresh service.
type patient struct {
	w       *world
	crashes bool
}

func (p *patient) until(state string, step func() (wire.ExchangeState, error)) string {
	p.w.t.Helper()
	s, err := step()
	for errors.Is(err, policy.ErrUnavailable) {
		if p.crashes {
			p.w.x = p.w.restart()
		}
		s, err = step()
	}
	return p.w.is(state)(s, err).Exchange
}

// sweep lets the grace pass and what is due be done, twice: the first may fail.
func (p *patient) sweep() {
	for range 2 {
		p.w.clock.pass(time.Minute)
		exchange.Sweep(p.w.x, p.w.t.Context())
	}
}

// Every commit of every story fails once, with or without effect, before or after a crash: what comes of it is the same, and
// each step stands in the log once.
func TestWhateverFailsEachStepIsTakenOnce(t *testing.T) {
	forEachStore(t, func(t *testing.T, s chat.Store) {
		for name, story := range stories {
			whole := startOver(t, s, two)
			story(whole, &patient{w: whole})
			commits := len(whole.Store.Batches())
			for at := range commits {
				for _, fault := range []chattest.Fault{chattest.Fails, chattest.FailsPersisted} {
					for _, crashes := range []bool{false, true} {
						t.Run(fmt.Sprintf("%s/commit %d, persisted %v, crash %v", name, at+1, fault == chattest.FailsPersisted, crashes), func(t *testing.T) {
							w := startOver(t, s, two)
							w.Store.Next(append(make([]chattest.Fault, at), fault)...)
							story(w, &patient{w, crashes})
						})
					}
				}
			}
		}
	})
}

// A crash right after an acceptance, or right after a resume was hidden, leaves one entry missing: nobody sees more or less
// than was agreed meanwhile, and it is written once the grace is over, by one node.
func TestWhatACrashLeavesBetweenTwoEntriesIsFinished(t *testing.T) {
	w := start(t, two)
	id := w.is("requested")(w.As(rob).request(askResume)).Exchange
	w.Store.Next(chattest.Works, chattest.Fails)
	w.is("accepted")(w.As(ann).accept(id, giveResume))
	w.hidden(id, ann, rob)
	exchange.Sweep(w.x, t.Context()) // not yet: the request may still be at it
	if all := w.resumes(rob); len(all) != 0 || w.annsName(rob) != "欧阳**" {
		t.Fatalf("the recruiter sees %+v, %s", all, w.annsName(rob))
	}
	w.clock.pass(time.Minute)
	one, other := w.restart(), w.restart()
	atOnce(func() { exchange.Sweep(one, t.Context()) }, func() { exchange.Sweep(other, t.Context()) })
	if all := w.resumes(rob); len(all) != 1 || w.annsName(rob) != "欧阳晓雯" {
		t.Fatalf("the recruiter sees %+v, %s", all, w.annsName(rob))
	}
	w.Store.Next(chattest.Works, chattest.Fails)
	w.is("withdrawn")(w.As(ann).withdraw(id))
	if e := w.resumes(rob)[0]; string(e.Content) != string(wire.RecalledContent) {
		t.Errorf("the recruiter sees %s", e.Content)
	}
	w.hidden(id, ann, rob)
	w.told(id, "requested u-rob", "accepted u-ann")
	w.clock.pass(time.Minute)
	one, other = w.restart(), w.restart()
	atOnce(func() { exchange.Sweep(one, t.Context()) }, func() { exchange.Sweep(other, t.Context()) })
	w.told(id, "requested u-rob", "accepted u-ann", "withdrawn u-ann")
}

// One exchange that can't be taken further keeps no other from it.
func TestOneThatFailsKeepsNoOtherWaiting(t *testing.T) {
	w := start(t, two)
	bad := w.is("requested")(w.As(rob).request(askWeChat)).Exchange
	w.Store.Refuse(chat.ClientID("exchange/" + bad + "/expired"))
	good := w.is("requested")(w.As(rob).request(askPhone)).Exchange
	w.clock.pass(week)
	w.clock.pass(time.Minute)
	exchange.Sweep(w.x, t.Context())
	w.told(good, "requested u-rob", "expired ")
	w.told(bad, "requested u-rob")
	for _, p := range []identity.Principal{ann, rob} {
		w.hidden(bad, p)
	}
}
