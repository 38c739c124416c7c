package exchange

import (
	"slices"
	"testing"

	"parley/chat"
)

var (
	states = []string{none, requested, agreed, accepted, declined, expired, withdrawing, withdrawn, unavailable}
	acts   = []act{ask, lack, accept, decline, withdraw, lapse, deliver, conclude}
	alone  = []part{asker, other, giver, clock}
)

// each calls f for every step that the table has.
func each(f func(what, from string, a act, by part, to string)) {
	for _, what := range whats {
		for _, from := range states {
			for _, a := range acts {
				for _, by := range alone {
					if to, ok := next(what, from, a, by); ok {
						f(what, from, a, by, to)
					}
				}
			}
		}
	}
}

func TestWhatIsOverStaysSo(t *testing.T) {
	each(func(what, from string, a act, by part, to string) {
		if over(from) && !(from == withdrawing && to == withdrawn && by == clock) {
			t.Errorf("%s: act %d leads from %s to %s", what, a, from, to)
		}
	})
}

func TestOnlyBothTogetherCanMakeAnExchangeHappen(t *testing.T) {
	each(func(what, from string, a act, by part, to string) {
		if public(to) != accepted {
			return
		}
		agrees := from == requested && a == accept && by == other
		arrives := what == resume && from == agreed && a == deliver && by == clock
		if !agrees && !arrives {
			t.Errorf("%s: act %d by %d leads from %s to %s", what, a, by, from, to)
		}
	})
}

func TestEveryConsentCanBeTakenBackByWhoGaveIt(t *testing.T) {
	for _, what := range whats {
		for _, from := range []string{accepted, agreed} {
			for _, by := range []part{asker, other} {
				if what == resume {
					by |= giver
				} else if from == agreed {
					continue
				}
				if to, ok := next(what, from, withdraw, by); !ok || public(to) != withdrawn {
					t.Errorf("%s: %s taken back by %d is %q, %v", what, from, by, to, ok)
				}
			}
		}
		if to, ok := next(what, requested, withdraw, asker); !ok || to != withdrawn {
			t.Errorf("%s: a request taken back is %q, %v", what, to, ok)
		}
	}
	if to, ok := next(resume, accepted, withdraw, asker); ok {
		t.Errorf("who got a resume makes it %s", to)
	}
}

func TestNobodyButTheServiceActsForTheService(t *testing.T) {
	each(func(what, from string, a act, by part, to string) {
		if (a == lapse || a == deliver) && by != clock || by == clock && !slices.Contains([]act{lapse, deliver, lack, conclude}, a) {
			t.Errorf("%s: act %d by %d leads from %s to %s", what, a, by, from, to)
		}
	})
	for _, what := range whats {
		for _, from := range states {
			for _, a := range append(acts, nothing) {
				if to, ok := next(what, from, a, 0); ok {
					t.Errorf("%s: a bystander's act %d leads from %s to %s", what, a, from, to)
				}
			}
		}
	}
}

func TestWhatIsOverKeepsNothing(t *testing.T) {
	for _, what := range whats {
		for _, s := range states {
			if over(s) && keeps(what, s) {
				t.Errorf("%s that is %s keeps what was given", what, s)
			}
		}
	}
}

func TestEveryStateThatIsDueHasAStepAndAWayOutOfIt(t *testing.T) {
	s := New(nil, Config{})
	for _, state := range states {
		if _, ok := dues[state]; ok == s.due(state).IsZero() {
			t.Errorf("%q: a step of its own %v, due %v", state, ok, s.due(state))
		}
	}
}

func TestAConversationsExchangesCanAllBeRead(t *testing.T) {
	if n := len(whats) * MaxRounds; n > chat.MaxThings {
		t.Errorf("%d exchanges, and %d are read", n, chat.MaxThings)
	}
}
