package exchange_test

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/exchange"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// rounds is how often each race is run over a store.
func rounds(s chat.Store) int {
	if _, ok := s.(*chattest.Memory); ok {
		return 40
	}
	return 4
}

// atOnce runs all and waits for them.
func atOnce(all ...func()) {
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for _, f := range all {
		wg.Go(func() { <-begin; f() })
	}
	close(begin)
	wg.Wait()
}

// crosswise runs two steps that begin from the same state.
func crosswise(w *world, a, b func()) {
	w.meet()
	atOnce(a, b)
}

// outcome is what a step answered.
type outcome struct {
	state wire.ExchangeState
	err   error
}

func (o *outcome) of(s wire.ExchangeState, err error) { *o = outcome{s, err} }

func TestRaces(t *testing.T) {
	forEachStore(t, func(t *testing.T, s chat.Store) {
		for name, c := range map[string]struct {
			people []identity.Principal
			run    func(w *world)
		}{
			"accepting and taking back WeChat ids": {two, func(w *world) { acceptAgainstWithdraw(w, askWeChat, giveWeChat) }},
			"accepting and taking back a phone":    {two, func(w *world) { acceptAgainstWithdraw(w, askPhone, wire.ExchangeAnswer{}) }},
			"delivering and taking back a resume":  {two, deliverAgainstWithdraw},
			"reading and taking back":              {two, readAgainstWithdraw},
			"WeChat requests that cross": {two, func(w *world) {
				requestsCross(w, askWeChat, wire.ExchangeRequest{What: "wechat", Value: annsWeChat})
			}},
			"phone requests that cross":    {two, func(w *world) { requestsCross(w, askPhone, askPhone) }},
			"an invitation and an offer":   {two, func(w *world) { requestsCross(w, askResume, offerResume) }},
			"two recruiters who accept":    {three, twoAccept},
			"a yes and a no of one person": {two, yesAgainstNo},
			"accepting and expiring":       {two, acceptAgainstExpiry},
			"one request on two devices":   {two, sameRequestTwice},
		} {
			t.Run(name, func(t *testing.T) {
				for range rounds(s) {
					c.run(startOver(t, s, c.people))
				}
			})
		}
	})
}

// Whoever comes first, in the end it is taken back: nobody reads anything and no number is bound.
func acceptAgainstWithdraw(w *world, f wire.ExchangeRequest, a wire.ExchangeAnswer) {
	id := w.is("requested")(w.As(rob).request(f)).Exchange
	var yes, no outcome
	crosswise(w, func() { yes.of(w.As(ann).accept(id, a)) }, func() { no.of(w.As(rob).withdraw(id)) })
	if no.err != nil || no.state.State != "withdrawn" {
		w.t.Fatalf("withdraw: %+v", no)
	}
	w.hidden(id, ann, rob)
	want := []string{"requested u-rob", "withdrawn u-rob"}
	if yes.err == nil {
		want = slices.Insert(want, 1, "accepted u-ann")
	} else if !errors.Is(yes.err, policy.ErrGone) {
		w.t.Errorf("accept: %v", yes.err)
	}
	w.told(id, want...)
	if w.numbers.bound() != 0 {
		w.t.Error("a number is bound")
	}
}

// A candidate accepts on one device and takes back on another: no resume is left to see.
func deliverAgainstWithdraw(w *world) {
	id := w.is("requested")(w.As(rob).request(askResume)).Exchange
	var yes, no outcome
	atOnce(func() { yes.of(w.As(ann).accept(id, giveResume)) }, func() {
		for no.of(w.As(ann).withdraw(id)); errors.Is(no.err, policy.ErrForbidden); no.of(w.As(ann).withdraw(id)) {
		}
	})
	if yes.err != nil || no.err != nil || no.state.State != "withdrawn" {
		w.t.Fatalf("accept %+v, withdraw %+v", yes, no)
	}
	w.clock.pass(week)
	exchange.Sweep(w.x, w.t.Context())
	w.hidden(id, ann, rob)
	w.told(id, "requested u-rob", "accepted u-ann", "withdrawn u-ann")
	for _, e := range w.resumes(rob) {
		if string(e.Content) != string(wire.RecalledContent) {
			w.t.Errorf("the recruiter sees %s", e.Content)
		}
	}
}

// No read that begins after the withdrawal was answered succeeds.
func readAgainstWithdraw(w *world) {
	id := w.deal(rob, ann, askWeChat, giveWeChat)
	var answered, done atomic.Bool
	reader := func() {
		for !done.Load() {
			late := answered.Load()
			if _, err := w.As(rob).read(id); err == nil && late || err != nil && !errors.Is(err, policy.ErrNotFound) {
				w.t.Errorf("read, after the answer %v: %v", late, err)
			}
			if late {
				done.Store(true)
			}
		}
	}
	atOnce(reader, func() {
		w.is("withdrawn")(w.As(ann).withdraw(id))
		answered.Store(true)
	})
}

// Both want it, so it is one exchange that both have agreed to.
func requestsCross(w *world, robs, anns wire.ExchangeRequest) {
	var a, b outcome
	crosswise(w, func() { a.of(w.As(rob).request(robs)) }, func() { b.of(w.As(ann).request(anns)) })
	if a.err != nil || b.err != nil || a.state.Exchange != b.state.Exchange {
		w.t.Fatalf("%+v and %+v", a, b)
	}
	id := a.state.Exchange
	if got := w.steps(id); !slices.Equal(got, []string{"requested u-rob", "accepted u-ann"}) && !slices.Equal(got, []string{"requested u-ann", "accepted u-rob"}) {
		w.t.Errorf("the log tells %q", got)
	}
	for _, p := range two {
		if v, err := w.As(p).read(id); err != nil || v.Value == "" && v.Seq == 0 {
			w.t.Errorf("%s reads %v", p.User, err)
		}
	}
}

// One of them has it, the other is told that it is gone and reads nothing.
func twoAccept(w *world) {
	id := w.is("requested")(w.As(ann).request(wire.ExchangeRequest{What: "wechat", Value: annsWeChat})).Exchange
	var a, b outcome
	crosswise(w, func() { a.of(w.As(rob).accept(id, wire.ExchangeAnswer{Value: robsWeChat})) },
		func() { b.of(w.As(Rita).accept(id, wire.ExchangeAnswer{Value: "wangli_1990"})) })
	winner, loser, lost, want := rob, Rita, b.err, robsWeChat
	if a.err != nil {
		winner, loser, lost, want = Rita, rob, a.err, "wangli_1990"
	}
	if (a.err == nil) == (b.err == nil) || !errors.Is(lost, policy.ErrConflict) {
		w.t.Fatalf("%+v and %+v", a, b)
	}
	w.reads(winner, id, annsWeChat)
	w.reads(ann, id, want)
	w.hidden(id, loser)
	w.told(id, "requested u-ann", "accepted "+string(winner.User))
}

func yesAgainstNo(w *world) {
	id := w.is("requested")(w.As(rob).request(askWeChat)).Exchange
	var yes, no outcome
	crosswise(w, func() { yes.of(w.As(ann).accept(id, giveWeChat)) }, func() { no.of(w.As(ann).decline(id)) })
	switch {
	case yes.err == nil && errors.Is(no.err, policy.ErrConflict):
		w.told(id, "requested u-rob", "accepted u-ann")
		w.reads(rob, id, annsWeChat)
	case no.err == nil && errors.Is(yes.err, policy.ErrGone):
		w.told(id, "requested u-rob", "declined u-ann")
		w.hidden(id, ann, rob)
	default:
		w.t.Errorf("yes %+v, no %+v", yes, no)
	}
}

// The answer is given in time and the sweeps of two nodes, whose clocks run ahead, come at the same moment.
func acceptAgainstExpiry(w *world) {
	id := w.is("requested")(w.As(rob).request(askWeChat)).Exchange
	ahead := clock{now: w.clock.Now().Add(week + 1)}
	fast := func(c *exchange.Config) { c.Now = ahead.Now }
	one, other := w.restart(fast), w.restart(fast)
	var yes outcome
	atOnce(func() { yes.of(w.As(ann).accept(id, giveWeChat)) },
		func() { exchange.Sweep(one, w.t.Context()) }, func() { exchange.Sweep(other, w.t.Context()) })
	if yes.err == nil {
		w.told(id, "requested u-rob", "accepted u-ann")
		w.reads(rob, id, annsWeChat)
		return
	}
	if !errors.Is(yes.err, policy.ErrGone) {
		w.t.Errorf("accept: %v", yes.err)
	}
	w.told(id, "requested u-rob", "expired ")
	w.hidden(id, ann, rob)
}

func sameRequestTwice(w *world) {
	f := askWeChat
	f.CID = cid(w.t)
	var a, b outcome
	crosswise(w, func() { a.of(w.As(rob).request(f)) }, func() { b.of(w.As(rob).request(f)) })
	if a.err != nil || b.err != nil || a.state != b.state {
		w.t.Fatalf("%+v and %+v", a, b)
	}
	w.told(a.state.Exchange, "requested u-rob")
	w.is("accepted")(w.As(ann).accept(a.state.Exchange, giveWeChat))
	w.reads(ann, a.state.Exchange, robsWeChat)
}
