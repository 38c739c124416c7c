package admin

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

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
	return a.archive(ctx, p, "recording-"+string(info.ID), slog.String("recording", string(info.ID)), func(w io.Writer) error {
		return a.Recordings.Export(ctx, info.ID, w)
	})
}
