package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"parley/internal/identity"
	"parley/internal/identity/grant"
	"parley/internal/policy"
	"parley/recording"
)

// playbackPath begins the path of every grant.
const playbackPath = "/v1/playback/"

type playbackGrant struct {
	Grant string `path:"grant" maxLength:"64" doc:"The word that get-recording put into the address"`
	Range string `header:"Range" doc:"One byte range (RFC 9110, 14.2); to several, and to a conditional one, the whole file is the answer"`
	If    string `header:"If-Range"`
}

// oneRange is a range of which the audit log can tell in a word what it shows.
var oneRange = regexp.MustCompile(`^bytes=(\d{1,18}-\d{0,18}|-\d{1,18})$`)

// span is what is served: the range asked for, or all of the file. Nothing else may decide it, or more would be shown than
// was audited.
func (in *playbackGrant) span() string {
	if in.If == "" && oneRange.MatchString(in.Range) {
		return in.Range
	}
	return ""
}

func (a *API) playback() {
	public(a, huma.Operation{
		OperationID: "play-recording", Method: http.MethodGet, Path: playbackPath + "{grant}",
		Summary:     "Play one side of a recording",
		Description: "The address is its own permission, so that a video element can load it: good for one person, one side, 60 s to start and 15 minutes between reads, 4 hours at all, on every node.",
		Errors:      []int{http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable},
		Responses: map[string]*huma.Response{
			"200": {Description: "The whole file", Content: map[string]*huma.MediaType{"video/webm": {}}},
			"206": {Description: "The range asked for", Content: map[string]*huma.MediaType{"video/webm": {}}},
		},
	}, a.play)
}

// play answers one range. That it is read is in the audit log before its first byte leaves (A3).
func (a *API) play(ctx context.Context, in *playbackGrant) (*huma.StreamResponse, error) {
	seat, err := a.Grants.Use(ctx, in.Grant)
	if err != nil {
		return nil, a.granted(ctx, err)
	}
	media, err := a.Recordings.Derive(ctx, recording.ID(seat.Recording), seat.Side)
	if err != nil {
		return nil, err
	}
	err = a.Audit.Record(ctx, seat.By, string(identity.RecordingPlay), "recording/"+seat.Recording,
		"interview", seat.Interview, "side", string(seat.Side), "range", in.span())
	if err != nil {
		_ = media.Close() // nothing of it was sent
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer media.Close()
		r, w := humago.Unwrap(c)
		w.Header().Set("Content-Type", "video/webm")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Disposition", "inline")
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin") // who has the word may play it on any page
		r.Header.Del("If-Range")
		r.Header.Del("Range")
		if span := in.span(); span != "" {
			r.Header.Set("Range", span)
		}
		http.ServeContent(&patient{ResponseWriter: w, may: a.while(ctx, a.Grants.Lease(ctx, in.Grant))}, r, "", time.Time{}, media)
	}}, nil
}

// granted is what a client is told of a permission that has ended, or that nobody can tell of: without an answer nothing is
// shown.
func (a *API) granted(ctx context.Context, err error) error {
	if errors.Is(err, grant.ErrEnded) {
		return policy.ErrNotFound
	}
	if ctx.Err() == nil {
		a.log.WarnContext(ctx, "a permission to play back can't be checked", slog.Any("err", err))
	}
	return policy.ErrUnavailable
}

// while says before each write whether the permission still holds.
func (a *API) while(ctx context.Context, holds func() error) func() error {
	return func() error {
		if err := holds(); err != nil {
			return a.granted(ctx, err)
		}
		return nil
	}
}

// stall is how long one write to a client may take.
const stall = 30 * time.Second

// patient gives each write a new deadline: a recording may take hours to play, but not to a client that reads nothing, and
// not to one that may no longer see it (T7).
type patient struct {
	http.ResponseWriter
	may   func() error
	wrote bool
}

// errGone replaces what the network says when a client has gone away: that names addresses.
var errGone = errors.New("admin: the client is gone")

// Write writes within [stall].
func (p *patient) Write(b []byte) (int, error) {
	if err := p.may(); err != nil {
		return 0, err
	}
	_ = http.NewResponseController(p.ResponseWriter).SetWriteDeadline(time.Now().Add(stall)) // recorders in tests have none
	p.wrote = true
	n, err := p.ResponseWriter.Write(b)
	if err != nil {
		return n, errGone
	}
	return n, nil
}

// Unwrap lets http.ResponseController through.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
