package interview

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/signal/media"
)

// stage is the room with the part of the recording that runs in it. Both begin and end together: there is no room
// without a recording (E2).
type stage struct {
	room      Room
	recording Recording
	lanes     map[identity.UserID]*lane // made for all at the start, filled as they come
	done      chan struct{}             // closed when the stage is struck
}

// source is whom to ask for key frames of the user's tracks; of a stranger's there are none.
func (st *stage) source(u identity.UserID) media.Source {
	if l := st.lanes[u]; l != nil {
		return l
	}
	return &lane{}
}

// begin starts the recording, durably, and then makes the room. On an error there is neither.
func (x *session) begin(ctx context.Context, p identity.Principal) error {
	if x.stage != nil {
		return nil
	}
	if err := x.svc.reserve(); err != nil {
		return err
	}
	st := &stage{lanes: map[identity.UserID]*lane{}, done: make(chan struct{})}
	if err := x.roll(ctx, p, st); err != nil {
		x.svc.release()
		return err
	}
	room, err := x.svc.cfg.SFU.NewRoom(x.id, MaxParticipants)
	if err != nil {
		x.svc.release()
		x.seal(st.recording, "no room")
		return fmt.Errorf("make room: %w", err)
	}
	st.room = room
	x.stage, x.changed = st, true
	x.room.Store(&room)
	if x.interview.RecordedSince.IsZero() {
		x.interview.RecordedSince = x.svc.cfg.Now().UTC().Truncate(time.Microsecond)
		x.keep(ctx)
	}
	return nil
}

// roll starts the recording; its audit entry comes first (A3).
func (x *session) roll(ctx context.Context, p identity.Principal, st *stage) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startLimit)
	defer cancel()
	spec := RecordingSpec{Interview: x.id}
	for _, part := range x.interview.Participants {
		grant, err := x.svc.cfg.Ledger.Granted(ctx, x.matter(part.User))
		if err != nil {
			grant = privacy.Grant{} // not answered yet, or no
		}
		spec.Participants = append(spec.Participants, Recorded{User: part.User, Grant: grant})
		st.lanes[part.User] = &lane{}
	}
	spec.Source = func(u identity.UserID) media.Source { return st.source(u) }
	if err := x.svc.cfg.Audit.Record(ctx, p, "recording.start", string(x.id)); err != nil {
		return fmt.Errorf("start recording: %w", err)
	}
	rec, err := x.svc.cfg.Recorder.Start(ctx, spec)
	if err != nil {
		x.report(ctx, "record", err)
		return policy.ErrUnavailable.With("The recording cannot start now, so the interview cannot either. Please try again shortly.",
			"暂时无法开始录制，因此面试也无法开始，请稍后再试。")
	}
	st.recording = rec
	return nil
}

// lane gives the participant's way into the recording, opened when first needed.
func (x *session) lane(ctx context.Context, user identity.UserID, g privacy.Grant) (*lane, error) {
	l := x.stage.lanes[user]
	if l.sink != nil {
		return l, nil
	}
	ctx, cancel := step(ctx)
	defer cancel()
	sink, err := x.stage.recording.Sink(ctx, user)
	if errors.Is(err, policy.ErrConsentNeeded) { // the note of the consent failed, or came before this part
		x.stage.recording.Consent(ctx, user, g)
		sink, err = x.stage.recording.Sink(ctx, user)
	}
	if err != nil {
		return nil, fmt.Errorf("open sink: %w", err)
	}
	l.sink = sink
	st := x.stage
	x.svc.work.Go(func() {
		select {
		case <-sink.Failed():
			x.report(context.Background(), "record", sink.Err())
			x.tell(func(m *mail) { m.failed = st })
		case <-st.done:
		}
	})
	return l, nil
}

// strike cuts the media and has the recording sealed in the background. When it returns no packet is forwarded or
// journalled any more.
func (x *session) strike(reason string) {
	st := x.stage
	if st == nil {
		return
	}
	st.room.Close()
	x.room.Store(nil)
	for user, s := range x.seats {
		s.lane.serve(nil)
		s.part("")
		delete(x.seats, user)
	}
	close(st.done)
	x.stage, x.changed = nil, true
	x.svc.release()
	x.seal(st.recording, reason)
}

// suspend gives up the room; the interview goes on as it was, and who was in it is told to join again.
func (x *session) suspend(reason string) {
	for user := range maps.Clone(x.seats) {
		x.vacate(user, LostFailed, false)
	}
	x.strike(reason)
}

// seal stops the recording in the background. If it fails, or the process dies meanwhile, the recorder's recovery seals
// the part later.
func (x *session) seal(r Recording, reason string) {
	x.sealing++
	withdrawn := x.interview.answers(TookBack)
	x.svc.work.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), sealTimeout)
		defer cancel()
		for _, user := range withdrawn {
			r.Consent(ctx, user, privacy.Grant{})
		}
		x.report(ctx, "seal", r.Stop(ctx, reason))
		x.tell(func(m *mail) { m.sealed++ })
	})
}

// receipts hands out the heads of all parts, once the interview has ended and its last part is sealed (E6). Where that failed
// it hands out those there are, and looks for the others for a while: the recorder goes on trying.
func (x *session) receipts() {
	if x.interview.State != Ended || x.sealing > 0 {
		return
	}
	ctx, cancel := step(context.Background())
	defer cancel()
	r, missing, err := x.svc.heads(ctx, x.id)
	x.report(ctx, "receipt", err)
	if n := len(r.Heads); n > x.handed {
		x.handed = n
		x.svc.cfg.Hub.Receipt(x.interview.users(), r)
	}
	x.headsAt = zero
	if now := time.Now(); (err != nil || missing > 0) && now.Before(x.headsBy) {
		x.headsAt = now.Add(retryEvery)
	}
}
