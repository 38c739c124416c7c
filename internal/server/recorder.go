package server

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"parley/internal/admin"
	"parley/internal/identity"
	"parley/internal/privacy"
	"parley/recording"
	"parley/signal/gateway"
	"parley/signal/interview"
	"parley/signal/media"
	"parley/signal/wire"
)

// recorder gives interviews the recorder.
type recorder struct {
	*recording.Recorder
	log *slog.Logger
}

// Start implements interview.Recorder.
func (r recorder) Start(ctx context.Context, s interview.RecordingSpec) (interview.Recording, error) {
	spec := recording.Spec{Interview: string(s.Interview), Source: s.Source}
	for _, p := range s.Participants {
		spec.Participants = append(spec.Participants, recording.Participant{
			User: p.User, Consent: recording.ConsentRecord{Version: p.Grant.Version, At: p.Grant.At},
		})
	}
	started, err := r.Recorder.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	return running{started, r.log}, nil
}

// Parts implements interview.Recorder.
func (r recorder) Parts(ctx context.Context, id interview.ID) ([]interview.Part, error) {
	list, err := r.List(ctx, string(id))
	if err != nil {
		return nil, err
	}
	parts := make([]interview.Part, len(list))
	for i, info := range list {
		parts[i] = interview.Part{Started: info.Started, Ended: info.Ended}
		if info.Head.Head != "" {
			parts[i].Head = &info.Head
		}
	}
	return parts, nil
}

type running struct {
	rec *recording.Recording
	log *slog.Logger
}

// Sink implements interview.Recording.
func (r running) Sink(ctx context.Context, user identity.UserID) (media.Sink, error) {
	return r.rec.Sink(ctx, user)
}

// Consent implements interview.Recording. Without a durable note the participant's sink stays shut.
func (r running) Consent(ctx context.Context, user identity.UserID, g privacy.Grant) {
	err := r.rec.Note(ctx, consentEvent(user, g))
	if err != nil {
		r.log.ErrorContext(ctx, "consent is not in the recording", slog.String("recording", string(r.rec.ID())), slog.Any("err", err))
	}
}

// consentEvent is what the recording notes of a grant; the zero grant is a consent that was taken back (R3).
func consentEvent(user identity.UserID, g privacy.Grant) recording.Event {
	if g == (privacy.Grant{}) {
		return recording.Event{At: time.Now(), User: user, Kind: recording.EventWithdrawn}
	}
	return recording.Event{
		At: g.At, User: user, Kind: recording.EventConsent,
		Detail: map[string]string{"version": g.Version, "scope": string(g.Scope)},
	}
}

// Stop implements interview.Recording.
func (r running) Stop(ctx context.Context, reason string) error {
	_, err := r.rec.Stop(ctx, reason)
	return err
}

// shown gives the API the recorder.
type shown struct{ *recording.Recorder }

// Derive implements admin.Recordings.
func (s shown) Derive(ctx context.Context, id recording.ID, user identity.UserID) (io.ReadSeekCloser, error) {
	return s.Recorder.Derive(ctx, id, user)
}

// heads remembers the last signed head on its way to the participants, for the public figures.
type heads struct {
	*gateway.Hub
	last atomic.Pointer[admin.Head]
}

// Receipt implements interview.Hub.
func (h *heads) Receipt(users []identity.UserID, r wire.InterviewReceipt) {
	if n := len(r.Heads); n > 0 {
		h.last.Store(&admin.Head{Time: r.Heads[n-1].Time, Hash: r.Heads[n-1].Head})
	}
	h.Hub.Receipt(users, r)
}

func (h *heads) lastHead(context.Context) (admin.Head, bool) {
	if head := h.last.Load(); head != nil {
		return *head, true
	}
	return admin.Head{}, false
}
