package appointment_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

func rounds(s chat.Store) int {
	if _, ok := s.(*chattest.Memory); ok {
		return 50
	}
	return 4
}

// Of two steps that begin from the same one only the first is taken; who was second is told to look again.
func TestOfTwoStepsAtOnceOneIsTaken(t *testing.T) {
	type doing struct {
		who identity.Principal
		act string
		at  int // days ahead
	}
	forEachStore(t, func(t *testing.T, s chat.Store) {
		for _, c := range []struct {
			name     string
			accepted bool // before
			a, b     doing
		}{
			{"accepting and cancelling", false, doing{ann, "accept", 0}, doing{rob, "cancel", 0}},
			{"accepting and declining on two devices", false, doing{ann, "accept", 0}, doing{ann, "decline", 0}},
			{"proposing two times on two devices", false, doing{ann, "reschedule", 3}, doing{ann, "reschedule", 4}},
			{"both proposing another time", true, doing{ann, "reschedule", 3}, doing{rob, "reschedule", 4}},
			{"cancelling and moving", true, doing{ann, "cancel", 0}, doing{rob, "reschedule", 4}},
			{"two colleagues who move it", true, doing{rita, "reschedule", 3}, doing{rob, "reschedule", 4}},
		} {
			t.Run(c.name, func(t *testing.T) {
				for range rounds(s) {
					w := startOver(t, s, rob, rita)
					id := w.invited(rob)
					if c.accepted {
						w.is("accepted")(w.do(ann, id, "accept"))
					}
					before := len(w.entries(id))
					w.meet()
					var wg sync.WaitGroup
					var errs [2]error
					for i, d := range []doing{c.a, c.b} {
						wg.Go(func() {
							f := wire.AppointmentAct{}
							if d.at > 0 {
								f.At = w.in(day * time.Duration(d.at))
							}
							_, errs[i] = w.act(d.who, id, d.act, f)
						})
					}
					wg.Wait()
					lost := slices.IndexFunc(errs[:], func(err error) bool { return err != nil })
					if lost < 0 || errs[1-lost] != nil || !errors.Is(errs[lost], policy.ErrConflict) && !errors.Is(errs[lost], policy.ErrGone) {
						t.Fatalf("%v and %v", errs[0], errs[1])
					}
					if got := w.entries(id); len(got) != before+1 || got[before].By != string([]doing{c.a, c.b}[1-lost].who.User) {
						t.Errorf("the log tells %+v", got)
					}
				}
			})
		}
	})
}

// While Rob accepts, a colleague and Ann go on until it is Rob's side's turn again: what he accepts is not what he saw.
func TestNobodyAcceptsATimeThatWasChangedMeanwhile(t *testing.T) {
	forEachStore(t, func(t *testing.T, s chat.Store) {
		w := startOver(t, s, rob, rita)
		id := w.invited(rob)
		w.is("rescheduled recruiter")(w.move(ann, id, w.in(3*day)))
		w.gate.do = func(a chat.Attempt) (json.RawMessage, error) {
			if a.By.User == rob.User {
				w.gate.mu.Unlock()
				defer w.gate.mu.Lock()
				w.is("rescheduled candidate")(w.move(rita, id, w.in(4*day)))
				w.is("rescheduled recruiter")(w.move(ann, id, w.in(5*day)))
			}
			return nil, nil
		}
		w.refused(policy.ErrConflict)(w.do(rob, id, "accept"))
		w.told(id, "invited u-rob", "rescheduled u-ann", "rescheduled u-rita", "rescheduled u-ann")
	})
}

func TestOneInvitationOnTwoDevicesIsOne(t *testing.T) {
	forEachStore(t, func(t *testing.T, s chat.Store) {
		for range rounds(s) {
			w := startOver(t, s)
			f := wire.AppointmentInvite{CID: string(chattest.CID(t)), At: w.in(day)}
			var wg sync.WaitGroup
			var got [2]wire.AppointmentState
			for i := range got {
				wg.Go(func() { got[i] = w.is("invited candidate")(w.invite(rob, f)) })
			}
			wg.Wait()
			if got[0] != got[1] {
				t.Errorf("%+v and %+v", got[0], got[1])
			}
			w.told(got[0].Appointment, "invited u-rob")
		}
	})
}

// Every commit of a long story fails once, with or without effect, before or after a crash: each step stands in the log once.
func TestWhateverFailsEachStepIsTakenOnce(t *testing.T) {
	steps := []string{"invited u-rob", "rescheduled u-ann", "rescheduled u-rob", "accepted u-ann", "cancelled u-rob"}
	forEachStore(t, func(t *testing.T, s chat.Store) {
		for at := range steps {
			for _, fault := range []chattest.Fault{chattest.Fails, chattest.FailsPersisted} {
				for _, crashes := range []bool{false, true} {
					t.Run(fmt.Sprintf("commit %d, persisted %v, crash %v", at+1, fault == chattest.FailsPersisted, crashes), func(t *testing.T) {
						w := startOver(t, s)
						w.Store.Next(append(make([]chattest.Fault, at), fault)...)
						w.told(longStory(w, crashes), steps...)
					})
				}
			}
		}
	})
}

func longStory(w *world, crashes bool) string {
	until := func(want string, step func() (wire.AppointmentState, error)) string {
		s, err := step()
		for errors.Is(err, policy.ErrUnavailable) {
			if crashes {
				w.restart()
			}
			s, err = step()
		}
		return w.is(want)(s, err).Appointment
	}
	f := wire.AppointmentInvite{CID: string(chattest.CID(w.t)), At: w.in(day)}
	id := until("invited candidate", func() (wire.AppointmentState, error) { return w.invite(rob, f) })
	until("rescheduled recruiter", func() (wire.AppointmentState, error) { return w.move(ann, id, w.in(2*day)) })
	until("rescheduled candidate", func() (wire.AppointmentState, error) { return w.move(rob, id, w.in(3*day)) })
	until("accepted", func() (wire.AppointmentState, error) { return w.do(ann, id, "accept") })
	until("cancelled", func() (wire.AppointmentState, error) { return w.do(rob, id, "cancel") })
	return id
}
