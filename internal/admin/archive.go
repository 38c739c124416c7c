package admin

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"parley/internal/identity"
)

// archive hands out a zip archive of that name as export makes it, for as long as the token of p holds (T7); of says in the log
// what it is of.
func (a *API) archive(ctx context.Context, p identity.Principal, name string, of slog.Attr, export func(io.Writer) error) (*huma.StreamResponse, error) {
	may := a.while(ctx, a.Grants.Session(ctx, p))
	if err := may(); err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		_, w := humago.Unwrap(c)
		w.Header().Set("Content-Type", "application/zip")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.zip"`)
		out := &patient{ResponseWriter: w, may: may}
		if err := export(out); err != nil {
			a.cutShort(ctx, of, out, err)
		}
	}}, nil
}

// cutShort answers what went wrong while nothing was sent; later it breaks the transfer, so that the client does not take a
// short archive for a whole one.
func (a *API) cutShort(ctx context.Context, of slog.Attr, out *patient, err error) {
	if !out.wrote {
		out.Header().Del("Content-Disposition")
		a.refuse(ctx, err).write(out.ResponseWriter)
		return
	}
	a.log.WarnContext(ctx, "archive was not sent to its end", of, slog.Any("err", err))
	panic(http.ErrAbortHandler)
}
