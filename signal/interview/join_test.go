package interview_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/testenv/bubble"
	"parley/signal/interview"
	"parley/signal/media"
	"parley/signal/wire"
)

func TestTheRecordingStandsBeforeTheFirstPeer(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.live()
		want := []string{"audit interview.open", "audit recording.start", "recording starts", "room opens", "peer zoe", "peer ann"}
		if got := w.diary.read(); !slices.Equal(got, want) {
			t.Errorf("order %q, want %q", got, want)
		}
	})
}

func TestAnInterviewFromOpenToReceipt(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open()
		if v := w.view(recruiter, id); v.State != "open" || v.Recording || v.RecordedSince != nil || v.Live != nil || len(v.Participants) != 2 {
			t.Errorf("opened as %+v", v)
		}
		w.enter(recruiter, id)
		if v := w.view(candidate, id); v.State != "open" || !v.Recording || v.RecordedSince == nil || !side(t, v, "zoe").Present {
			t.Errorf("with one in it is %+v", v)
		}
		bubble.Pass(10 * time.Second)
		w.enter(candidate, id)
		v := w.view(candidate, id)
		if v.State != "live" || v.Live == nil || v.Live.Sub(*v.RecordedSince) != 10*time.Second {
			t.Errorf("with both in it is %+v", v)
		}
		bubble.Pass(time.Minute)
		w.must(w.End(t.Context(), candidate, id))
		w.must(w.End(t.Context(), recruiter, id)) // both hang up at once
		synctest.Wait()
		w.ended(id, interview.Hangup)
		cards := w.chat.cards()
		want := []wire.InterviewContent{{Interview: string(id), State: "open"}, {Interview: string(id), State: "live"},
			{Interview: string(id), State: "ended", Reason: "hangup", Duration: 60_000}}
		if !slices.Equal(cards, want) {
			t.Errorf("cards %+v", cards)
		}
		if len(w.hub.got()) != 1 || len(w.hub.got()[0].Heads) != 1 || w.hub.got()[0].Interview != string(id) {
			t.Errorf("receipts %+v", w.hub.got())
		}
		if r, err := w.Receipts(t.Context(), candidate, id); err != nil || len(r.Heads) != 1 {
			t.Errorf("receipts asked for: %+v, %v", r, err)
		}
		if n := w.count("audit interview.end"); n != 1 {
			t.Errorf("%d audit entries of the end", n)
		}
	})
}

func TestJoiningAgainReplacesTheFormerSeat(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, _, first := w.live()
		former := w.peer("ann")
		second := w.rejoin(candidate, id)
		if got := first.losses(); len(got) != 1 || got[0] != interview.LostReplaced || !former.out() {
			t.Errorf("the former lost its seat as %v", got)
		}
		offer := wire.RTCOffer{Interview: string(id), PC: wire.Pub}
		refused(t, "signal by the former", w.Signal(t.Context(), candidate, id, first.ID, offer), policy.ErrConflict)
		refused(t, "mute by the former", w.Mute(t.Context(), candidate, first.ID, wire.InterviewMute{Interview: string(id)}), policy.ErrConflict)
		w.must(w.Leave(t.Context(), candidate, id, first.ID))
		w.Gone(candidate, id, first.ID) // the dead socket of a reload is noticed late
		bubble.Pass(40 * time.Second)
		if got := side(t, w.view(recruiter, id), "ann"); !got.Present || got.Away {
			t.Errorf("what the former said moved the new seat: %+v", got)
		}
		w.must(w.Signal(t.Context(), candidate, id, second.ID, offer))
		if got := w.peer("ann").handled; len(got) != 1 {
			t.Errorf("the peer got %v", got)
		}
		third := second.Seat // the same connection begins anew
		if _, err := w.Join(t.Context(), candidate, id, third); err != nil || len(second.losses()) != 0 {
			t.Errorf("join again by the same connection: %v, lost %v", err, second.losses())
		}
		if w.recorder.last(t).end() != "" || len(w.recorder.all()) != 1 {
			t.Error("a reload began another part of the recording")
		}
	})
}

func TestFramesReachTheirClientWithTheInterviewsName(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, _, ann := w.live()
		p := w.peer("ann")
		p.spec.Send(wire.RTCOffer{PC: wire.Sub})
		p.spec.Send(wire.RTCAnswer{PC: wire.Pub})
		p.spec.Send(wire.RTCCandidate{PC: wire.Pub})
		want := []wire.Body{wire.RTCOffer{Interview: string(id), PC: wire.Sub}, wire.RTCAnswer{Interview: string(id), PC: wire.Pub},
			wire.RTCCandidate{Interview: string(id), PC: wire.Pub}}
		if got := ann.frames(); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v", got)
		}
		w.Gone(candidate, id, ann.ID)
		p.spec.Send(wire.RTCAnswer{PC: wire.Pub})
		if got := ann.frames(); len(got) != 3 {
			t.Error("a frame was sent to a connection that is gone")
		}
	})
}

func TestALostConnectionIsHeldAndTakenBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, _, ann := w.live()
		p := w.peer("ann")
		w.Gone(candidate, id, ann.ID)
		if got := side(t, w.view(recruiter, id), "ann"); !got.Present || !got.Away {
			t.Errorf("seen as %+v", got)
		}
		bubble.Pass(29 * time.Second)
		other := newBrowser("another device")
		_, err := w.Resume(t.Context(), candidate, id, other.Seat)
		refused(t, "resume by another device", err, policy.ErrConflict)
		nameless := newBrowser("")
		_, err = w.Resume(t.Context(), candidate, id, nameless.Seat)
		refused(t, "resume by a device without a name", err, policy.ErrConflict)
		back := newBrowser(ann.Device)
		if _, err := w.Resume(t.Context(), candidate, id, back.Seat); err != nil {
			t.Fatal(err)
		}
		bubble.Pass(time.Minute)
		if got := side(t, w.view(recruiter, id), "ann"); !got.Present || got.Away || p.out() {
			t.Errorf("after coming back: %+v, peer out %v", got, p.out())
		}
		if len(p.handled) != 1 || p.handled[0].Kind() != (wire.RTCRestart{}).Kind() {
			t.Errorf("what the server sends was not negotiated anew: %v", p.handled)
		}
		p.spec.Send(wire.RTCOffer{PC: wire.Sub})
		if len(back.frames()) != 1 || len(ann.frames()) != 0 {
			t.Error("frames go to the wrong connection")
		}
		_, err = w.Resume(t.Context(), candidate, id, newBrowser(ann.Device).Seat)
		refused(t, "resume of a seat that is not away", err, policy.ErrConflict)
	})
}

func TestALostConnectionIsGivenUpAfterAWhile(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, _, ann := w.live()
		p := w.peer("ann")
		w.Gone(candidate, id, ann.ID)
		bubble.Pass(31 * time.Second)
		if got := side(t, w.view(recruiter, id), "ann"); got.Present || !p.out() {
			t.Errorf("after 31 s: %+v, peer out %v", got, p.out())
		}
		if got := w.recorder.last(t).sink(t, "ann").gaps(); !slices.Equal(got, []media.GapReason{media.Disconnected}) {
			t.Errorf("gaps %v", got)
		}
		_, err := w.Resume(t.Context(), candidate, id, newBrowser(ann.Device).Seat)
		refused(t, "resume after 31 s", err, policy.ErrConflict)
		bubble.Pass(5 * time.Minute) // one is still in
		w.rejoin(candidate, id)
		if v := w.view(recruiter, id); v.State != "live" || len(w.recorder.all()) != 1 {
			t.Errorf("state %q, %d parts", v.State, len(w.recorder.all()))
		}
	})
}

func TestALiveInterviewThatNobodyIsInEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, zoe, ann := w.live()
		w.must(w.Leave(t.Context(), recruiter, id, zoe.ID))
		w.Gone(candidate, id, ann.ID)
		bubble.Pass(59 * time.Second)
		if v := w.view(recruiter, id); v.State != "live" {
			t.Fatalf("state %q after 59 s", v.State)
		}
		w.rejoin(candidate, id)
		w.Gone(candidate, id, ann.ID)
		bubble.Pass(2 * time.Minute) // ann is back
		if v := w.view(recruiter, id); v.State != "live" {
			t.Fatalf("state %q with one in", v.State)
		}
		again := w.rejoin(candidate, id)
		w.must(w.Leave(t.Context(), candidate, id, again.ID))
		bubble.Pass(61 * time.Second)
		w.ended(id, interview.Abandoned)
	})
}

func TestAnOpenInterviewOutlivesAnEarlyVisit(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open()
		ann := w.enter(candidate, id)
		w.must(w.Leave(t.Context(), candidate, id, ann.ID))
		bubble.Pass(61 * time.Second)
		if v := w.view(recruiter, id); v.State != "open" || v.Recording {
			t.Fatalf("state %q, recording %v", v.State, v.Recording)
		}
		if got := w.recorder.last(t).end(); got != "empty" {
			t.Errorf("the part ended as %q", got)
		}
		w.enter(recruiter, id)
		w.rejoin(candidate, id)
		w.must(w.End(t.Context(), recruiter, id))
		synctest.Wait()
		w.ended(id, interview.Hangup)
		if r := w.hub.got(); len(r) != 1 || len(r[0].Heads) != 2 {
			t.Errorf("receipts %+v, want one with both parts", r)
		}
	})
}

func TestAReceiptFollowsWhenAPartIsSealedOnlyLater(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.recorder.stuck.Store(true)
		id := w.open()
		w.enter(candidate, id)
		w.enter(recruiter, id)
		w.must(w.End(t.Context(), recruiter, id))
		bubble.Pass(time.Minute)
		if n := len(w.hub.got()); n != 0 {
			t.Fatalf("%d receipts of a part that is not sealed", n)
		}
		w.recorder.stuck.Store(false)
		w.must(w.recorder.last(t).Stop(t.Context(), "recovered"))
		bubble.Pass(time.Minute)
		if r := w.hub.got(); len(r) != 1 || len(r[0].Heads) != 1 {
			t.Errorf("receipts %+v, want one", r)
		}
	})
}

func TestTheReceiptWaitsForTheLastSeal(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.recorder.slow.Store(int64(90 * time.Second))
		id := w.open()
		ann := w.enter(candidate, id)
		w.must(w.Leave(t.Context(), candidate, id, ann.ID))
		bubble.Pass(61 * time.Second) // the first part is being sealed
		w.enter(recruiter, id)
		w.recorder.slow.Store(int64(time.Second))
		w.must(w.End(t.Context(), recruiter, id)) // the second is sealed before it
		bubble.Pass(5 * time.Second)
		if n := len(w.hub.got()); n != 0 {
			t.Fatalf("%d receipts while a part is open", n)
		}
		bubble.Pass(2 * time.Minute)
		if r := w.hub.got(); len(r) != 1 || len(r[0].Heads) != 2 {
			t.Errorf("receipts %+v", r)
		}
	})
}

func TestNegotiationNeedNotWaitForTheAnswerToAJoin(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open()
		w.enter(recruiter, id)
		w.agree(candidate, id)
		w.chat.stuck = make(chan struct{}) // going live hangs on the conversation
		c := newBrowser("d")
		answered := make(chan error)
		go func() {
			_, err := w.Join(t.Context(), candidate, id, c.Seat)
			answered <- err
		}()
		synctest.Wait()
		w.must(w.Signal(t.Context(), candidate, id, c.ID, wire.RTCAnswer{PC: wire.Sub}))
		close(w.chat.stuck)
		w.must(<-answered)
	})
}

func TestWhatIsNotRecordedIsNotHeld(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open()
		w.agree(recruiter, id)
		w.recorder.breakDown(errors.New("no room on the disk"))
		_, err := w.Join(t.Context(), recruiter, id, newBrowser("d").Seat)
		refused(t, "join without a recording", err, policy.ErrUnavailable)
		if w.count("room opens") != 0 {
			t.Error("a room without a recording")
		}
		w.recorder.breakDown(nil)
		w.sfu.breakDown(errors.New("no port"))
		if _, err := w.Join(t.Context(), recruiter, id, newBrowser("d").Seat); !errors.Is(err, w.sfu.broken()) {
			t.Errorf("join without a room: %v", err)
		}
		synctest.Wait()
		if got := w.recorder.last(t).end(); got == "" {
			t.Error("a recording runs without a room")
		}
		w.sfu.breakDown(nil)
		w.rejoin(recruiter, id)
		w.enter(candidate, id)
		close(w.recorder.last(t).sink(t, "ann").failed) // the disk is full now
		synctest.Wait()
		w.ended(id, interview.RecordingFailed)
	})
}

func TestARevokedParticipantIsOutAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, zoe, ann := w.live()
		p := w.peer("zoe")
		w.Revoke("eve", time.Now())
		synctest.Wait()
		if v := w.view(candidate, id); v.State != "live" {
			t.Fatalf("revoking a stranger made it %q", v.State)
		}
		w.Revoke("zoe", time.Now())
		synctest.Wait() // no time passes
		if got := zoe.losses(); len(got) != 1 || got[0] != interview.LostRevoked || !p.out() {
			t.Errorf("lost as %v", got)
		}
		if len(ann.losses()) != 0 {
			t.Errorf("the other side lost its seat as %v", ann.losses())
		}
		w.ended(id, interview.Revoked)
		_, err := w.Join(t.Context(), recruiter, id, newBrowser("d").Seat)
		refused(t, "join after it", err, policy.ErrGone)
	})
}

func TestARevokedParticipantWhoseSeatIsGoneAlreadyEndsItToo(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, zoe, _ := w.live()
		w.must(w.Leave(t.Context(), recruiter, id, zoe.ID)) // the gateway shuts the connection out first
		w.Revoke("zoe", time.Now())
		synctest.Wait()
		w.ended(id, interview.Revoked)
	})
}

// Hints of revocations may come late, or once more from whoever writes to the bus.
func TestARevocationToldLateLeavesALaterTokenAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		revoked := time.Now()
		bubble.Pass(2 * time.Second)
		fresh := recruiter
		fresh.Issued = time.Now()
		id := w.open()
		w.agree(fresh, id)
		w.agree(candidate, id)
		zoe := w.rejoin(fresh, id)
		w.rejoin(candidate, id)
		w.Revoke("zoe", revoked)
		synctest.Wait()
		if v := w.view(candidate, id); v.State != "live" || len(zoe.losses()) != 0 {
			t.Fatalf("state %q, lost as %v", v.State, zoe.losses())
		}
		bubble.Pass(time.Second)
		newer := fresh
		newer.Issued = time.Now()
		w.Renew(newer)
		w.Revoke("zoe", fresh.Issued)
		synctest.Wait()
		if v := w.view(candidate, id); v.State != "live" || len(zoe.losses()) != 0 {
			t.Fatalf("after the renewal: state %q, lost as %v", v.State, zoe.losses())
		}
		w.Revoke("zoe", newer.Issued)
		synctest.Wait()
		w.ended(id, interview.Revoked)
	})
}

func TestARevokedTokenDoesNotGetBackIn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for _, user := range []identity.UserID{"bob", "cat"} {
			w.chat.members["c1"] = append(w.chat.members["c1"], w.chat.members["c1"][0])
			w.chat.members["c1"][len(w.chat.members["c1"])-1].User = user
		}
		id := w.open()
		old := recruiter
		old.Issued = time.Now().Add(-time.Minute)
		w.enter(old, id)
		w.enter(candidate, id)
		w.Revoke("zoe", time.Now())
		synctest.Wait()
		if v := w.view(candidate, id); v.State == "ended" || side(t, v, "zoe").Present {
			t.Fatalf("state %q, zoe present %v; others can go on", v.State, side(t, v, "zoe").Present)
		}
		_, err := w.Join(t.Context(), old, id, newBrowser("d").Seat)
		refused(t, "join with a token from before", err, policy.ErrRevoked)
		bubble.Pass(time.Second)
		fresh := recruiter
		fresh.Issued = time.Now()
		w.rejoin(fresh, id)
	})
}

func TestASeatLastsAsLongAsTheToken(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open()
		short := recruiter
		short.Expires, short.Attested = time.Now().Add(time.Hour), time.Now().Add(10*time.Minute)
		zoe := w.enter(short, id)
		long := candidate
		long.Expires = time.Now().Add(9 * time.Minute)
		ann := w.enter(long, id)
		bubble.Pass(8 * time.Minute)
		long.Expires = time.Now().Add(time.Hour)
		w.Renew(long)
		bubble.Pass(time.Minute + 59*time.Second)
		if !side(t, w.view(candidate, id), "zoe").Present {
			t.Fatal("out before the attestation ran out")
		}
		bubble.Pass(2 * time.Second)
		if got := zoe.losses(); !slices.Equal(got, []string{interview.LostExpired}) {
			t.Errorf("lost as %v", got)
		}
		v := w.view(candidate, id)
		if v.State != "live" || side(t, v, "zoe").Present || !side(t, v, "ann").Present || len(ann.losses()) != 0 {
			t.Errorf("view %+v", v)
		}
	})
}

func TestABrokenPeerFreesItsSeat(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, _, ann := w.live()
		w.peer("ann").spec.Events(interview.Disconnected{})
		synctest.Wait()
		if got := side(t, w.view(recruiter, id), "ann"); !got.Away {
			t.Errorf("with nothing coming: %+v", got)
		}
		w.peer("ann").spec.Events(interview.Connected{})
		synctest.Wait()
		if got := side(t, w.view(recruiter, id), "ann"); got.Away {
			t.Errorf("connected again: %+v", got)
		}
		w.peer("ann").spec.Events(interview.Failed{Reason: "connection"})
		synctest.Wait()
		if got := ann.losses(); !slices.Equal(got, []string{interview.LostFailed}) || side(t, w.view(recruiter, id), "ann").Present {
			t.Errorf("lost as %v", got)
		}
		if got := w.recorder.last(t).sink(t, "ann").gaps(); !slices.Equal(got, []media.GapReason{media.Disconnected}) {
			t.Errorf("gaps %v", got)
		}
		w.rejoin(candidate, id)
	})
}

func TestTheViewShowsTracksAndMutes(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id, _, ann := w.live()
		p := w.peer("ann")
		views := w.hub.seen()
		p.spec.Events(interview.TrackUp{Track: media.Track{ID: 1, Kind: media.Audio, Label: media.Microphone}})
		p.spec.Events(interview.TrackUp{Track: media.Track{ID: 2, Kind: media.Video, Label: media.Camera}})
		w.must(w.Mute(t.Context(), candidate, ann.ID, wire.InterviewMute{Interview: string(id), Track: "microphone", Muted: true}))
		synctest.Wait()
		want := []wire.MediaLine{{Track: 1, Label: "microphone", Muted: true}, {Track: 2, Label: "camera"}}
		if got := side(t, w.view(recruiter, id), "ann").Media; !slices.Equal(got, want) {
			t.Errorf("media %+v", got)
		}
		if !p.muted[media.Microphone] || w.hub.seen() == views {
			t.Errorf("the peer was told %v, clients %v", p.muted[media.Microphone], w.hub.seen() > views)
		}
		p.spec.Events(interview.TrackDown{Track: 2})
		synctest.Wait()
		if got := side(t, w.view(recruiter, id), "ann").Media; len(got) != 1 {
			t.Errorf("media %+v", got)
		}
		for n := range 1000 { // a peer that floods
			p.spec.Events(interview.TrackUp{Track: media.Track{ID: media.TrackID(n + 10), Label: media.Camera}})
		}
		synctest.Wait()
		if got := len(side(t, w.view(recruiter, id), "ann").Media); got > 16 {
			t.Errorf("%d lines", got)
		}
	})
}

func TestRoomsOfANodeAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.stop()
		w.config.MaxInterviews = 1
		w.chat.members["c2"] = w.chat.members["c1"]
		w.run()
		first := w.open()
		v, err := w.Open(t.Context(), recruiter, interview.Spec{Conversation: "c2"})
		w.must(err)
		second := interview.ID(v.ID)
		w.enter(recruiter, first)
		w.agree(recruiter, second)
		_, err = w.Join(t.Context(), recruiter, second, newBrowser("d").Seat)
		refused(t, "join beyond the bound", err, policy.ErrUnavailable)
		w.must(w.End(t.Context(), recruiter, first))
		w.rejoin(recruiter, second)
	})
}

func TestBadSeatsAreRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open()
		w.agree(candidate, id)
		for name, seat := range map[string]interview.Seat{"no id": {Send: func(wire.Body) {}}, "no send": {ID: "s"}} {
			_, err := w.Join(t.Context(), candidate, id, seat)
			refused(t, "join with "+name, err, policy.ErrBadRequest)
			_, err = w.Resume(t.Context(), candidate, id, seat)
			refused(t, "resume with "+name, err, policy.ErrBadRequest)
		}
		refused(t, "signal without a seat", w.Signal(t.Context(), candidate, id, "s", wire.RTCOffer{}), policy.ErrConflict)
	})
}
