package admin

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"parley/chat"
	"parley/internal/chain"
	"parley/internal/identity"
)

// Transcripts writes what was said in conversations as evidence: ciphertext with its proof (E6).
type Transcripts interface {
	// Sealed seals what is new in a conversation and says how many entries are sealed.
	Sealed(ctx context.Context, id chat.ConversationID) (entries uint64, err error)
	// Export writes what parley-verify takes.
	Export(ctx context.Context, id chat.ConversationID, w io.Writer) error
	// Trees lists the signed trees after a number.
	Trees(ctx context.Context, after uint64, limit int) ([]chain.SignedTree, error)
}

// actionTranscript is how a transcript that was handed out reads in the audit log.
const actionTranscript = "transcript.export"

type (
	transcriptPath struct {
		ID string `path:"id" maxLength:"64"`
	}
	treesQuery struct {
		After uint64 `query:"after" doc:"The number of the last tree one has; 0 for none"`
		Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"1000"`
	}
	shownTrees struct {
		Type         string `header:"Content-Type"`
		CacheControl string `header:"Cache-Control"`
		Body         []byte
	}
)

func (a *API) transcripts() {
	secured(a, identity.TranscriptRead, huma.Operation{
		OperationID: "get-transcript", Method: http.MethodGet, Path: "/v1/conversations/{id}/transcript",
		Summary: "A conversation's transcript as evidence",
		Description: "All sealed entries as ciphertext, their seals and the signed tree, for parley-verify (internal/chain/TRANSCRIPT.md). " +
			"What is new is sealed first. Each request is in the audit log before its first byte.",
		Errors: []int{http.StatusNotFound},
		Responses: map[string]*huma.Response{
			"200": {Description: "A zip archive", Content: map[string]*huma.MediaType{"application/zip": {}}},
		},
	}, a.transcript)
	secured(a, identity.TranscriptRead, huma.Operation{
		OperationID: "list-trees", Method: http.MethodGet, Path: "/v1/trees",
		Summary: "The signed trees over all conversations, for a witness",
		Description: "One line a tree, in order, without any name. Whoever appends what comes after the last one to a file trees.jsonl " +
			"can show later, with parley-verify, that none was left out or made anew (E6). Empty when there are no more.",
		Responses: map[string]*huma.Response{
			"200": {Description: "JSON lines", Content: map[string]*huma.MediaType{jsonLines: {}}},
		},
	}, a.trees)
}

const jsonLines = "application/jsonl"

// transcript hands out the archive as it is made, for as long as the token holds (T7). That it is handed out is in the audit log
// before its first byte (A3).
func (a *API) transcript(ctx context.Context, p identity.Principal, in *transcriptPath) (*huma.StreamResponse, error) {
	id := chat.ConversationID(in.ID)
	entries, err := a.Transcripts.Sealed(ctx, id)
	if err != nil {
		return nil, err
	}
	err = a.Audit.Record(ctx, p, actionTranscript, "conversation/"+in.ID, "entries", strconv.FormatUint(entries, 10))
	if err != nil {
		return nil, err
	}
	return a.archive(ctx, p, "transcript-"+in.ID, slog.String("conversation", in.ID), func(w io.Writer) error {
		return a.Transcripts.Export(ctx, id, w)
	})
}

func (a *API) trees(ctx context.Context, _ identity.Principal, in *treesQuery) (*shownTrees, error) {
	list, err := a.Transcripts.Trees(ctx, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &shownTrees{Type: jsonLines, CacheControl: "no-store", Body: []byte{}}
	for _, t := range list {
		line, err := t.Encode()
		if err != nil {
			return nil, err
		}
		out.Body = append(append(out.Body, line...), '\n')
	}
	return out, nil
}
