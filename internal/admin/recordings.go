package admin

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"parley/internal/identity"
	"parley/internal/identity/grant"
	"parley/internal/policy"
	"parley/recording"
	"parley/signal/interview"
	"parley/signal/wire"
)

// Recordings shows what was recorded. Who may see it is decided here, by who took part in the interview.
type Recordings interface {
	List(ctx context.Context, interview string) ([]recording.Info, error)
	Info(ctx context.Context, id recording.ID) (recording.Info, error)
	// Derive makes the playable file of one side; time 0 is the recording's start, so that all sides share a clock (E2).
	Derive(ctx context.Context, id recording.ID, user identity.UserID) (io.ReadSeekCloser, error)
	// Export writes what parley-verify takes, a zip with ciphertext only.
	Export(ctx context.Context, id recording.ID, w io.Writer) error
}

// InterviewRecording is all that was recorded of an interview.
type InterviewRecording struct {
	Interview string `json:"interview"`
	Parts     []Part `json:"parts" doc:"One for each time recording began, oldest first"`
}

// Part is one recording.
type Part struct {
	Recording string            `json:"recording"`
	State     string            `json:"state" enum:"recording,sealed,recovered,failed"`
	Available bool              `json:"available" doc:"It can be played and downloaded. False while it is recorded, and for a sealed one while its files are on their way to the store; ask again then. As the node that answers sees it: the one that recorded it has it earlier than the others"`
	Started   time.Time         `json:"started"`
	Duration  int64             `json:"duration_ms"`
	Head      *wire.ReceiptHead `json:"head,omitempty" doc:"The signed head, once sealed"`
	Sides     []Side            `json:"sides"`
	Gaps      []Gap             `json:"gaps" doc:"What is missing and why"`
}

// Side is one participant's picture and sound.
type Side struct {
	User     string  `json:"user"`
	Name     string  `json:"name" doc:"As the asker may see it"`
	URL      string  `json:"url,omitempty" doc:"WebM with byte ranges; start within 60 s. Absent when there is nothing to play, or not yet"`
	Start    int64   `json:"start_ms" doc:"First picture or sound, from the part's start"`
	Duration int64   `json:"duration_ms"`
	Tracks   []Track `json:"tracks"`
}

// Track is one stream of a side.
type Track struct {
	Kind  string `json:"kind" enum:"audio,video"`
	Codec string `json:"codec"`
	Label string `json:"label"`
}

// Gap is a time in which something is missing (E7).
type Gap struct {
	User   string `json:"user"`
	From   int64  `json:"from_ms"`
	To     int64  `json:"to_ms"`
	Reason string `json:"reason" enum:"loss,disconnected,crash,withdrawn,overload,storage,node"`
}

type interviewPath struct {
	ID string `path:"id" maxLength:"64"`
}

type shownRecording struct {
	CacheControl string `header:"Cache-Control"`
	Body         InterviewRecording
}

func (a *API) recordings() {
	secured(a, identity.RecordingPlay, huma.Operation{
		OperationID: "get-recording", Method: http.MethodGet, Path: "/v1/interviews/{id}/recording",
		Summary: "What was recorded of an interview", Description: "For those who took part. Each call gives fresh addresses to play from.",
		Errors: []int{http.StatusNotFound},
	}, a.showRecording)
	a.bundles()
}

// actionShow is how an answer that says what was recorded, with addresses to play from, reads in the audit log.
const actionShow = "recording.show"

// showRecording answers after the audit entry is durable (A3): the addresses are access already.
func (a *API) showRecording(ctx context.Context, p identity.Principal, in *interviewPath) (*shownRecording, error) {
	view, err := a.Interviews.View(ctx, p, interview.ID(in.ID))
	if err != nil {
		return nil, err
	}
	list, err := a.Recordings.List(ctx, view.ID)
	if err != nil {
		return nil, err
	}
	if err := a.Audit.Record(ctx, p, actionShow, "interview/"+view.ID); err != nil {
		return nil, err
	}
	out := &shownRecording{CacheControl: "no-store", Body: InterviewRecording{Interview: view.ID, Parts: []Part{}}}
	for _, info := range list {
		out.Body.Parts = append(out.Body.Parts, part(view, info))
	}
	return out, a.letPlay(ctx, p, view.ID, out.Body.Parts)
}

// letPlay gives the sides that can be played their addresses, by grants that are made in one step.
func (a *API) letPlay(ctx context.Context, p identity.Principal, interview string, parts []Part) error {
	var seats []grant.Seat
	var sides []*Side
	for _, part := range parts {
		for i := range part.Sides {
			if side := &part.Sides[i]; part.Available && len(side.Tracks) > 0 {
				seats = append(seats, grant.Seat{Interview: interview, Recording: part.Recording, Side: identity.UserID(side.User)})
				sides = append(sides, side)
			}
		}
	}
	words, err := a.Grants.Give(ctx, p, seats...)
	if err != nil {
		return err
	}
	for i, word := range words {
		sides[i].URL = playbackPath + word
	}
	return nil
}

func part(view wire.Interview, info recording.Info) Part {
	part := Part{
		Recording: string(info.ID), State: string(info.State), Available: info.Available, Started: info.Started,
		Duration: info.Duration.Milliseconds(), Sides: []Side{}, Gaps: []Gap{},
	}
	if info.Head.Head != "" {
		part.Head = &info.Head
	}
	for _, s := range info.Participants {
		part.Sides = append(part.Sides, side(view, s))
		for _, g := range s.Gaps {
			part.Gaps = append(part.Gaps, Gap{
				User: string(s.User), From: g.From.Milliseconds(), To: g.To.Milliseconds(), Reason: string(g.Reason),
			})
		}
	}
	slices.SortStableFunc(part.Gaps, func(a, b Gap) int { return cmp.Compare(a.From, b.From) })
	return part
}

func side(view wire.Interview, s recording.Side) Side {
	side := Side{
		User: string(s.User), Name: nameIn(view, s.User),
		Start: s.Start.Milliseconds(), Duration: s.Duration.Milliseconds(), Tracks: []Track{},
	}
	for _, t := range s.Tracks {
		side.Tracks = append(side.Tracks, Track{Kind: t.Kind, Codec: t.Codec, Label: string(t.Label)})
	}
	return side
}

func playable(info recording.Info) bool {
	return info.State == recording.StateSealed || info.State == recording.StateRecovered
}

// nameIn is a participant's name as the viewer of the interview may see it (T2).
func nameIn(view wire.Interview, user identity.UserID) string {
	for _, p := range view.Participants {
		if p.User == string(user) {
			return p.Name
		}
	}
	return ""
}

// takenPart returns a recording to somebody who took part in its interview; to all others it does not exist.
func (a *API) takenPart(ctx context.Context, p identity.Principal, id recording.ID) (recording.Info, error) {
	info, err := a.Recordings.Info(ctx, id)
	if err != nil {
		return info, err
	}
	if _, err := a.Interviews.View(ctx, p, interview.ID(info.Interview)); err != nil {
		return recording.Info{}, err
	}
	switch {
	case info.Available:
		return info, nil
	case playable(info):
		return recording.Info{}, recording.ErrStoring
	}
	return recording.Info{}, policy.ErrNotFound
}
