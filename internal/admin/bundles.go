package admin

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"parley/internal/identity"
	"parley/recording"
)

// actionExport is how a bundle that was handed out reads in the audit log.
const actionExport = "recording.export"

type bundlePath struct {
	ID string `path:"id" maxLength:"64"`
}

func (a *API) bundles() {
	secured(a, identity.RecordingPlay, huma.Operation{
		OperationID: "get-bundle", Method: http.MethodGet, Path: "/v1/recordings/{id}/bundle",
		Summary:     "What parley-verify checks",
		Description: "Manifest, journals as ciphertext and signed head of a sealed recording, for those who took part (E6).",
		Errors:      []int{http.StatusNotFound},
		Responses: map[string]*huma.Response{
			"200": {Description: "A zip archive", Content: map[string]*huma.MediaType{"application/zip": {}}},
		},
	}, a.bundle)
}

// bundle hands out the archive as it is made, for as long as the token holds (T7). That it is handed out is in the audit log
// before its first byte (A3).
func (a *API) bundle(ctx context.Context, p identity.Principal, in *bundlePath) (*huma.StreamResponse, error) {
	info, err := a.takenPart(ctx, p, recording.ID(in.ID))
	if err != nil {
		return nil, err
	}
	err = a.Audit.Record(ctx, p, actionExport, "recording/"+string(info.ID), "interview", info.Interview)
	if err != nil {
		return nil, err
	}
	may := a.while(ctx, a.Grants.Session(ctx, p))
	if err := may(); err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		_, w := humago.Unwrap(c)
		w.Header().Set("Content-Type", "application/zip")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Disposition", `attachment; filename="recording-`+string(info.ID)+`.zip"`)
		out := &patient{ResponseWriter: w, may: may}
		if err := a.Recordings.Export(ctx, info.ID, out); err != nil {
			a.cutShort(ctx, info.ID, out, err)
		}
	}}, nil
}

// cutShort answers what went wrong while nothing was sent; later it breaks the transfer, so that the client does not take a
// short archive for a whole one.
func (a *API) cutShort(ctx context.Context, id recording.ID, out *patient, err error) {
	if !out.wrote {
		out.Header().Del("Content-Disposition")
		a.refuse(ctx, err).write(out.ResponseWriter)
		return
	}
	a.log.WarnContext(ctx, "bundle was not sent to its end", slog.String("recording", string(id)), slog.Any("err", err))
	panic(http.ErrAbortHandler)
}
