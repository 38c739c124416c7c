package admin

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

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
		Description: "Manifest, journals as ciphertext and public key of a sealed recording, for those who took part (E6).",
		Errors:      []int{http.StatusNotFound},
		Responses: map[string]*huma.Response{
			"200": {Description: "A zip archive", Content: map[string]*huma.MediaType{"application/zip": {}}},
		},
	}, a.bundle)
}

// bundle exports to a folder of its own first, so that a failure is an answer and not half an archive; a crash leaves the folder,
// ciphertext only, which the next start removes.
func (a *API) bundle(ctx context.Context, p identity.Principal, in *bundlePath) (*huma.StreamResponse, error) {
	info, err := a.takenPart(ctx, p, recording.ID(in.ID))
	if err != nil {
		return nil, err
	}
	err = a.Audit.Record(ctx, p, actionExport, "recording/"+string(info.ID), "interview", info.Interview)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(a.Temp, "bundle-")
	if err != nil {
		return nil, fmt.Errorf("export bundle: %w", err)
	}
	if err := a.Recordings.Export(ctx, info.ID, dir); err != nil {
		return nil, fmt.Errorf("export bundle: %w", joinRemove(err, dir))
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer os.RemoveAll(dir)
		_, w := humago.Unwrap(c)
		w.Header().Set("Content-Type", "application/zip")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Disposition", `attachment; filename="recording-`+string(info.ID)+`.zip"`)
		if err := zipFolder(&patient{ResponseWriter: w}, dir); err != nil {
			a.log.InfoContext(ctx, "bundle was not sent to its end", slog.String("recording", string(info.ID)))
			panic(http.ErrAbortHandler) // so that the client sees a broken transfer, not a short archive
		}
	}}, nil
}

func joinRemove(err error, dir string) error {
	if removed := os.RemoveAll(dir); removed != nil {
		return fmt.Errorf("%w (and %w)", err, removed)
	}
	return err
}

func zipFolder(w io.Writer, dir string) error {
	z := zip.NewWriter(w)
	if err := z.AddFS(os.DirFS(dir)); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return z.Close()
}
