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

// bundle hands out the archive as it is made, under a grant that nobody else learns of: it ends with the token (T7). That it is handed out is in the audit log before its first byte (A3).
func (a *API) bundle(ctx context.Context, p identity.Principal, in *bundlePath) (*huma.StreamResponse, error) {
	info, err := a.takenPart(ctx, p, recording.ID(in.ID))
	if err != nil {
		return nil, err
	}
	err = a.Audit.Record(ctx, p, actionExport, "recording/"+string(info.ID), "interview", info.Interview)
	if err != nil {
		return nil, err
	}
	word := a.grants.Give(seat{By: p, Interview: info.Interview, Recording: info.ID})
	if err := a.revoked(ctx, p); err != nil {
		a.grants.End(word)
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer a.grants.End(word)
		_, w := humago.Unwrap(c)
		w.Header().Set("Content-Type", "application/zip")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Disposition", `attachment; filename="recording-`+string(info.ID)+`.zip"`)
		if err := a.Recordings.Export(ctx, info.ID, &patient{w, a.grants.lease(word)}); err != nil {
			a.log.WarnContext(ctx, "bundle was not sent to its end", slog.String("recording", string(info.ID)), slog.Any("err", err))
			panic(http.ErrAbortHandler) // so that the client sees a broken transfer, not a short archive
		}
	}}, nil
}
