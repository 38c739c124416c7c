package appointment

import (
	"testing"
	"time"
)

var (
	states = []string{none, invited, accepted, declined, rescheduled, cancelled, noShow}
	parts  = []part{inviter, answerer, proposer, party}
	noon   = time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
)

// each calls f for every step that can be taken that long after the meeting's time.
func each(after time.Duration, f func(from, act string, by part, to string)) {
	for _, from := range states {
		for _, act := range append([]string{invite, "", "dance"}, acts...) {
			for _, by := range parts {
				if to, err := next(from, act, by, noon.Add(after), noon); err == nil {
					f(from, act, by, to)
				}
			}
		}
	}
}

var moments = []time.Duration{-Late, -1, 0, 1, Late - 1, Late, 2 * Late}

func TestWhatIsOverStaysSo(t *testing.T) {
	for _, d := range moments {
		each(d, func(from, act string, _ part, to string) {
			if over(from) {
				t.Errorf("%s leads from %s to %s", act, from, to)
			}
		})
	}
}

func TestAMeetingNeedsBothSides(t *testing.T) {
	for _, d := range moments {
		each(d, func(from, act string, by part, to string) {
			if to == accepted && (by != answerer || act != accept || from != invited && from != rescheduled || d >= 0) {
				t.Errorf("%s by %d leads from %s to %s at %v", act, by, from, to, d)
			}
			if from == none && (act != invite || by != inviter || to != invited) {
				t.Errorf("%s by %d makes an appointment that is %s", act, by, to)
			}
			if to == declined && by != answerer || to == cancelled && by == answerer {
				t.Errorf("%s by %d leads from %s to %s", act, by, from, to)
			}
		})
	}
}

func TestWhoDidNotComeIsKnownForADayAfterTheMeeting(t *testing.T) {
	for _, d := range moments {
		_, err := next(accepted, miss, party, noon.Add(d), noon)
		if want := d >= 0 && d < Late; (err == nil) != want {
			t.Errorf("at %v: %v, want possible %v", d, err, want)
		}
		for _, from := range []string{none, invited, rescheduled, declined, cancelled, noShow} {
			for _, by := range parts {
				if to, err := next(from, miss, by, noon.Add(d), noon); err == nil {
					t.Errorf("at %v: from %s to %s", d, from, to)
				}
			}
		}
	}
}

func TestEveryProposalCanBeAnsweredAndTakenBack(t *testing.T) {
	for _, from := range proposed {
		for _, c := range []struct {
			act  string
			by   part
			when time.Duration
			want string
		}{
			{accept, answerer, -1, accepted}, {accept, answerer, 0, ""}, {accept, proposer, -1, ""},
			{decline, answerer, 2 * Late, declined}, {decline, proposer, -1, ""},
			{reschedule, answerer, 2 * Late, rescheduled}, {reschedule, proposer, -1, ""},
			{cancel, proposer, 2 * Late, cancelled}, {cancel, answerer, -1, ""},
		} {
			if to, _ := next(from, c.act, c.by, noon.Add(c.when), noon); to != c.want {
				t.Errorf("%s: %s by %d at %v leads to %q, want %q", from, c.act, c.by, c.when, to, c.want)
			}
		}
	}
}

func TestTheZeroTimeRefuses(t *testing.T) {
	for _, d := range moments {
		if never.at(noon.Add(d), noon) {
			t.Errorf("never is at %v", d)
		}
	}
}
