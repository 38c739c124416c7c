package interview_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/internal/testenv/bubble"
	"parley/signal/interview"
	"parley/signal/media"
	"parley/signal/wire"
)

// withNotices makes the second notice the current one.
func withNotices(t *testing.T, material bool) *policy.Texts {
	t.Helper()
	first, _ := policy.BuiltinTexts().Current(policy.InterviewRecording)
	second := first
	second.Version, second.Material = "interview-recording@2", material
	texts, err := policy.NewTexts(first, second)
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func TestNoMediaBeforeConsent(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open()
		_, err := w.Join(t.Context(), candidate, id, newBrowser("d").Seat)
		refused(t, "join unasked", err, policy.ErrConsentNeeded)
		w.agree(recruiter, id)
		_, err = w.Join(t.Context(), candidate, id, newBrowser("d").Seat)
		refused(t, "join on the other's consent", err, policy.ErrConsentNeeded)
		if w.count("recording starts") != 0 || w.count("room opens") != 0 {
			t.Errorf("media before consent: %v", w.diary.read())
		}
		w.enter(recruiter, id)
		if _, err := w.recorder.last(t).Sink(t.Context(), "ann"); !errors.Is(err, policy.ErrConsentNeeded) {
			t.Errorf("a sink for somebody who has not agreed: %v", err)
		}
		w.enter(candidate, id)
	})
}

func TestConsentIsToTheNoticeInForce(t *testing.T) {
	for _, material := range []bool{true, false} {
		inBubble(t, func(t *testing.T, w *world) {
			id := w.open()
			w.agree(candidate, id)
			w.stop()
			w.texts = withNotices(t, material)
			w.run()
			if v := w.view(candidate, id); v.Notice != "interview-recording@2" {
				t.Errorf("notice %q", v.Notice)
			}
			for _, version := range []string{notice, "interview-recording@3", ""} {
				err := w.Consent(t.Context(), recruiter, wire.InterviewConsent{Interview: string(id), Version: version, Agree: true})
				refused(t, "consent to "+version, err, policy.ErrTextVersion)
				err = w.Consent(t.Context(), recruiter, wire.InterviewConsent{Interview: string(id), Version: version})
				refused(t, "no to "+version, err, policy.ErrTextVersion)
			}
			_, err := w.Join(t.Context(), candidate, id, newBrowser("d").Seat)
			if material {
				refused(t, "join on an outdated consent", err, policy.ErrConsentNeeded)
			} else if err != nil {
				t.Errorf("join after new words for the same: %v", err)
			}
		})
	}
}

func TestDecliningTheCameraLeavesSound(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open()
		yes := wire.InterviewConsent{Interview: string(id), Version: notice, Agree: true, AudioOnly: true}
		w.must(w.Consent(t.Context(), candidate, yes))
		c := w.rejoin(candidate, id)
		if got := w.peer("ann").spec.Publish; got != (interview.Publish{Audio: true}) {
			t.Errorf("may publish %+v", got)
		}
		if got := side(t, w.view(recruiter, id), "ann").Consent; got != "agreed_audio" {
			t.Errorf("the other sees %q", got)
		}
		yes.AudioOnly = false // a change of mind needs a new peer, both ways
		w.must(w.Consent(t.Context(), candidate, yes))
		if got := c.losses(); len(got) != 1 || got[0] != interview.LostConsent || !w.peer("ann").out() {
			t.Errorf("lost %v", got)
		}
		c = w.rejoin(candidate, id)
		if got := w.peer("ann").spec.Publish; !got.Video {
			t.Errorf("may publish %+v", got)
		}
		yes.AudioOnly = true
		w.must(w.Consent(t.Context(), candidate, yes))
		if len(c.losses()) != 1 || !w.peer("ann").out() {
			t.Error("the camera stays after it was declined")
		}
	})
}

func TestDecliningEndsTheInterviewAndNothingElse(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open()
		zoe := w.enter(recruiter, id)
		w.must(w.Consent(t.Context(), candidate, wire.InterviewConsent{Interview: string(id), Version: notice}))
		w.ended(id, interview.Declined)
		if len(zoe.losses()) != 0 {
			t.Errorf("the seat was lost as %v, but the interview ended", zoe.losses())
		}
		w.agree(recruiter, w.open()) // the next one can be opened: chat stays
		err := w.Consent(t.Context(), recruiter, wire.InterviewConsent{Interview: string(id), Version: notice, Agree: true})
		refused(t, "consent after the end", err, policy.ErrGone)
		_, err = w.Join(t.Context(), recruiter, id, newBrowser("d").Seat)
		refused(t, "join after the end", err, policy.ErrGone)
	})
}

func TestWithdrawalEndsWhateverItConcerns(t *testing.T) {
	matter := func(p policy.Purpose, context interview.ID) privacy.Matter {
		return privacy.Matter{Subject: "ann", Purpose: p, Context: string(context)}
	}
	for name, withdraw := range map[string]func(*world, interview.ID) error{
		"in the interview": func(w *world, id interview.ID) error { return w.Withdraw(w.t.Context(), candidate, id) },
		"by declining after": func(w *world, id interview.ID) error {
			return w.Consent(w.t.Context(), candidate, wire.InterviewConsent{Interview: string(id), Version: notice})
		},
		"elsewhere, by name": func(w *world, id interview.ID) error {
			return w.ledger.Withdraw(w.t.Context(), matter(policy.InterviewRecording, id))
		},
		"elsewhere, in general": func(w *world, id interview.ID) error {
			return w.ledger.Withdraw(w.t.Context(), matter(policy.InterviewRecording, ""))
		},
		"privacy policy": func(w *world, id interview.ID) error {
			return w.ledger.Withdraw(w.t.Context(), matter(policy.PrivacyPolicy, ""))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				id, zoe, _ := w.live()
				peers, from := []*peer{w.peer("zoe"), w.peer("ann")}, time.Now()
				w.must(withdraw(w, id))
				synctest.Wait()
				if took := time.Since(from); took > 3*time.Second {
					t.Errorf("took %v", took)
				}
				for _, p := range peers {
					p.plays()
				}
				part := w.recorder.last(t)
				if n := part.sink(t, "ann").count() + part.sink(t, "zoe").count(); n != 0 {
					t.Errorf("%d packets recorded after the withdrawal", n)
				}
				w.ended(id, interview.Withdrawn)
				if got := side(t, w.view(recruiter, id), "ann").Consent; got != "withdrawn" {
					t.Errorf("consent %q", got)
				}
				if part.agreed["ann"] != "" || part.end() != "withdrawn" {
					t.Errorf("the recording knows of consent %q and stopped as %q", part.agreed["ann"], part.end())
				}
				if len(zoe.losses()) != 0 {
					t.Errorf("the other side lost its seat as %v", zoe.losses())
				}
			})
		})
	}
}

func TestWithdrawalOfOthersConcernsNobodyHere(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, _, _ := w.live()
		for _, m := range []privacy.Matter{
			{Subject: "eve", Purpose: policy.InterviewRecording, Context: string(id)},
			{Subject: "eve", Purpose: policy.PrivacyPolicy},
			{Subject: "ann", Purpose: policy.InterviewRecording, Context: "another interview"},
			{Subject: "ann", Purpose: "marketing"},
		} {
			w.must(w.ledger.Withdraw(t.Context(), m))
		}
		bubble.Pass(3 * time.Second)
		if v := w.view(candidate, id); v.State != "live" {
			t.Errorf("state %q, reason %q", v.State, v.Reason)
		}
	})
}

func TestWithdrawalReachesAnInterviewThatNobodySitsIn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open()
		w.agree(candidate, id)
		w.must(w.ledger.Withdraw(t.Context(), privacy.Matter{Subject: "ann", Purpose: policy.InterviewRecording}))
		synctest.Wait()
		w.ended(id, interview.Withdrawn)
	})
}

func TestWithdrawalDoesNotWaitForABusyOwner(t *testing.T) {
	for _, unwritten := range []error{nil, errors.New("audit log is full")} {
		withdrawFromBusyOwner(t, unwritten)
	}
}

func withdrawFromBusyOwner(t *testing.T, unwritten error) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open()
		w.enter(recruiter, id)
		w.agree(candidate, id)
		w.chat.stuck = make(chan struct{}) // going live hangs on the conversation
		go w.Join(t.Context(), candidate, id, newBrowser("d").Seat)
		synctest.Wait()
		p := w.peer("zoe")
		w.audit.breakDown(unwritten) // and even if nothing can be written down
		go w.Withdraw(t.Context(), candidate, id)
		synctest.Wait() // no time passes
		if !p.out() {
			t.Error("media goes on while the owner waits for the conversation")
		}
		close(w.chat.stuck)
		bubble.Pass(3 * time.Second)
		w.ended(id, interview.Withdrawn)
	})
}

func TestWithdrawalCutsTheMediaEvenIfItCanNotBeWrittenDown(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, _, _ := w.live()
		p := w.peer("zoe")
		w.audit.breakDown(errors.New("audit log is full"))
		if err := w.Withdraw(t.Context(), candidate, id); !errors.Is(err, w.audit.broken()) {
			t.Errorf("withdraw: %v", err)
		}
		if !p.out() {
			t.Error("media goes on")
		}
		w.ended(id, interview.Withdrawn)
		w.audit.breakDown(nil)
		w.must(w.Withdraw(t.Context(), candidate, id)) // tried again
		if _, err := w.ledger.Granted(t.Context(), privacy.Matter{Subject: "ann", Purpose: policy.InterviewRecording, Context: string(id)}); err == nil {
			t.Error("the consent still holds")
		}
	})
}

func TestWithdrawalAfterTheEndIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, _, _ := w.live()
		w.must(w.End(t.Context(), recruiter, id))
		w.must(w.Withdraw(t.Context(), candidate, id))
		v := w.view(candidate, id)
		if v.Reason != "hangup" || side(t, v, "ann").Consent != "withdrawn" {
			t.Errorf("reason %q, consent %q", v.Reason, side(t, v, "ann").Consent)
		}
	})
}

func TestKeyFramesAreAskedOfWhomeverIsThere(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open()
		w.enter(candidate, id)
		source := w.recorder.last(t).spec.Source
		source("ann").RequestKeyFrame(media.TrackID(1))
		former := w.peer("ann")
		w.rejoin(candidate, id)
		source("ann").RequestKeyFrame(2)
		source("zoe").RequestKeyFrame(1) // not there: nobody to ask
		source("eve").RequestKeyFrame(1)
		if len(former.asked) != 1 || former.asked[0] != 1 || len(w.peer("ann").asked) != 1 || w.peer("ann").asked[0] != 2 {
			t.Errorf("asked %v, then %v", former.asked, w.peer("ann").asked)
		}
	})
}
