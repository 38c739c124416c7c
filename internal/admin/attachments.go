package admin

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"parley/chat"
	"parley/chat/attach"
	"parley/internal/identity"
	"parley/internal/identity/grant"
	"parley/internal/policy"
)

// Attachments takes files and gives them out.
type Attachments interface {
	Put(ctx context.Context, p identity.Principal, n attach.Draft, body io.Reader) (attach.Info, error)
	Begin(ctx context.Context, p identity.Principal, n attach.Draft, size int64) (attach.Upload, error)
	Append(ctx context.Context, p identity.Principal, id chat.ConversationID, a attach.ID, offset int64, body io.Reader) (attach.Upload, error)
	Upload(ctx context.Context, p identity.Principal, id chat.ConversationID, a attach.ID) (attach.Upload, error)
	Content(ctx context.Context, seat grant.Seat) (*attach.Content, error)
}

// UploadedAttachment is what the server found a file to be.
type UploadedAttachment struct {
	Kind     string `json:"kind" example:"picture"`
	Name     string `json:"name" doc:"Without a folder; its end fits the type" example:"IMG_2041.jpg"`
	Media    string `json:"media" example:"image/jpeg"`
	Size     int64  `json:"size" doc:"Bytes that are left without what told of places" example:"1834012"`
	Width    int    `json:"width,omitempty" example:"4032"`
	Height   int    `json:"height,omitempty" example:"3024"`
	Duration int64  `json:"duration_ms,omitempty"`
	Thumb    bool   `json:"thumb,omitempty" doc:"There is a thumbnail"`
}

// AttachmentUpload is how far an upload has come.
type AttachmentUpload struct {
	ID         string              `json:"id" doc:"What chat.send names" example:"0195794f-5e6f-7a8b-9c0d-1e2f3a4b5c6d"`
	Offset     int64               `json:"offset" doc:"Bytes that are durable; go on from here"`
	Size       int64               `json:"size" doc:"Bytes that were announced"`
	Attachment *UploadedAttachment `json:"attachment,omitempty" doc:"Once it is whole and was accepted"`
}

// transfer is the body of a request, as it comes.
type transfer struct {
	body *steady
}

// Resolve takes hold of the body; the library would read it into memory.
func (t *transfer) Resolve(ctx huma.Context) []error {
	r, w := humago.Unwrap(ctx)
	t.body = &steady{Reader: r.Body, deadline: http.NewResponseController(w).SetReadDeadline}
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); strings.HasPrefix(media, "multipart/") {
		return []error{&huma.ErrorDetail{Location: "header.Content-Type", Message: "send the file itself as body, not a form"}}
	}
	return nil
}

// slowest is how many bytes a second a client sends at least, on the whole: what has come is held in memory until it is enough.
const slowest = 8 << 10

// steady gives each read a new deadline: a large file may take long, a client that sends nothing, or next to it, may not.
type steady struct {
	io.Reader
	deadline func(time.Time) error
	began    time.Time
	n        int64
}

// Read reads within [stall]. At the end the deadline goes: it would end the request while the file is worked on.
func (s *steady) Read(b []byte) (int, error) {
	now := time.Now()
	if s.began.IsZero() {
		s.began = now
	}
	most := s.began.Add(stall + time.Duration(s.n/slowest)*time.Second)
	if most.After(now.Add(stall)) {
		most = now.Add(stall)
	}
	_ = s.deadline(most) // recorders in tests have none
	n, err := s.Reader.Read(b)
	s.n += int64(n)
	if err != nil {
		_ = s.deadline(time.Time{})
	}
	return n, err
}

// drain takes what is left of a body, so that the client gets to read why it was refused; within bounds.
func (s *steady) drain() {
	_, _ = io.CopyN(io.Discard, s, attach.MaxSmall)
}

type (
	newAttachment struct {
		ID     string `path:"id" maxLength:"64" doc:"The conversation"`
		Kind   string `query:"kind" required:"true" enum:"picture,voice,video,file,resume" doc:"What it will be sent as"`
		Name   string `header:"Parley-Name" maxLength:"3000" doc:"The file's name, percent-encoded as UTF-8"`
		Length int64  `header:"Upload-Length" minimum:"1" doc:"Of a file that comes in parts, without a body now"`
		transfer
	}
	attachmentPath struct {
		ID         string `path:"id" maxLength:"64" doc:"The conversation"`
		Attachment string `path:"attachment" maxLength:"64"`
	}
	appendAttachment struct {
		ID         string `path:"id" maxLength:"64" doc:"The conversation"`
		Attachment string `path:"attachment" maxLength:"64"`
		Offset     int64  `header:"Upload-Offset" required:"true" minimum:"0" doc:"Where the body belongs; what has come so far"`
		transfer
	}
	uploaded struct {
		Offset int64 `header:"Upload-Offset"`
		Length int64 `header:"Upload-Length"`
		Body   AttachmentUpload
	}
)

const pathAttachments = "/v1/conversations/{id}/attachments"

func (a *API) attachments() {
	file := &huma.RequestBody{Description: "The file, or a part of it, as it is", Content: map[string]*huma.MediaType{
		"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	secured(a, identity.AttachPut, huma.Operation{
		OperationID: "upload-attachment", Method: http.MethodPost, Path: pathAttachments, DefaultStatus: http.StatusCreated, RequestBody: file,
		Summary: "Upload a file to send", Description: "At most 8 MiB as body. With Upload-Length and no body it begins an upload in parts.",
		Errors: []int{http.StatusNotFound, http.StatusGone},
	}, a.uploadAttachment)
	secured(a, identity.AttachPut, huma.Operation{
		OperationID: "append-attachment", Method: http.MethodPatch, Path: pathAttachments + "/{attachment}", RequestBody: file,
		Summary:     "Continue an upload",
		Description: "What has come is durable, also when the connection breaks: ask for the offset and go on from there. Less than 256 KiB is kept only at the end.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusGone, http.StatusRequestEntityTooLarge},
	}, a.appendAttachment)
	secured(a, identity.AttachPut, huma.Operation{
		OperationID: "get-upload", Method: http.MethodGet, Path: pathAttachments + "/{attachment}",
		Summary: "How far an upload has come", Errors: []int{http.StatusNotFound},
	}, a.getUpload)
	public(a, huma.Operation{
		OperationID: "open-attachment", Method: http.MethodGet, Path: attach.OpenPath + "{grant}",
		Summary: "Read an attachment", Description: "The address comes by attach.open (PROTOCOL.md) and is its own permission.",
		Errors: []int{http.StatusNotFound, http.StatusGone, http.StatusRequestedRangeNotSatisfiable},
		Responses: map[string]*huma.Response{
			"200": {Description: "The whole of it", Content: map[string]*huma.MediaType{"application/octet-stream": {}}},
			"206": {Description: "The range asked for", Content: map[string]*huma.MediaType{"application/octet-stream": {}}},
		},
	}, a.openAttachment)
}

func (a *API) uploadAttachment(ctx context.Context, p identity.Principal, in *newAttachment) (*uploaded, error) {
	name, err := url.PathUnescape(in.Name)
	if err != nil {
		return nil, policy.ErrBadRequest.With("The name is not percent-encoded.", "文件名编码无效。")
	}
	n := attach.Draft{Conversation: chat.ConversationID(in.ID), Kind: attach.Kind(in.Kind), Name: name}
	if in.Length > 0 {
		u, err := a.Attachments.Begin(ctx, p, n, in.Length)
		return told(u), err
	}
	info, err := a.Attachments.Put(ctx, p, n, in.body)
	if err != nil {
		in.body.drain()
		return nil, err
	}
	return told(attach.Upload{ID: info.ID, Offset: info.Size, Size: info.Size, Done: &info}), nil
}

func (a *API) appendAttachment(ctx context.Context, p identity.Principal, in *appendAttachment) (*uploaded, error) {
	u, err := a.Attachments.Append(ctx, p, chat.ConversationID(in.ID), attach.ID(in.Attachment), in.Offset, in.body)
	if err != nil {
		in.body.drain()
		return nil, err
	}
	return told(u), nil
}

func (a *API) getUpload(ctx context.Context, p identity.Principal, in *attachmentPath) (*uploaded, error) {
	u, err := a.Attachments.Upload(ctx, p, chat.ConversationID(in.ID), attach.ID(in.Attachment))
	return told(u), err
}

func told(u attach.Upload) *uploaded {
	out := &uploaded{Offset: u.Offset, Length: u.Size, Body: AttachmentUpload{ID: string(u.ID), Offset: u.Offset, Size: u.Size}}
	if i := u.Done; i != nil {
		out.Body.Attachment = &UploadedAttachment{Kind: string(i.Kind), Name: i.Name, Media: i.Media, Size: i.Size,
			Width: i.Width, Height: i.Height, Duration: i.DurationMS, Thumb: i.Thumb}
	}
	return out
}

type attachmentGrant struct {
	Grant string `path:"grant" maxLength:"64" doc:"The word that attach.url put into the address"`
	Range string `header:"Range" doc:"One byte range (RFC 9110, 14.2); to several, and to a conditional one, the whole is the answer"`
	If    string `header:"If-Range"`
}

// openAttachment answers for as long as the session holds for which the address was given (T7). The word itself need only
// have held at the beginning: a large file takes longer than a minute.
func (a *API) openAttachment(ctx context.Context, in *attachmentGrant) (*huma.StreamResponse, error) {
	seat, err := a.Grants.Use(ctx, in.Grant)
	if err != nil {
		return nil, a.granted(ctx, err)
	}
	content, err := a.Attachments.Content(ctx, seat)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer content.Close()
		r, w := humago.Unwrap(c)
		shield(w.Header(), content)
		r.Header.Del("If-Range")
		r.Header.Del("Range")
		if in.If == "" && oneRange.MatchString(in.Range) {
			r.Header.Set("Range", in.Range)
		}
		out := &patient{ResponseWriter: w, may: a.while(ctx, a.Grants.Session(ctx, seat.By))}
		http.ServeContent(out, r, "", time.Time{}, &checked{Content: content, api: a, ctx: ctx})
	}}, nil
}

// checked logs what goes wrong when it is too late to tell the client.
type checked struct {
	*attach.Content
	api *API
	ctx context.Context
}

// Read reads the content; what fails breaks the transfer.
func (c *checked) Read(b []byte) (int, error) {
	n, err := c.Content.Read(b)
	if err != nil && !errors.Is(err, io.EOF) && c.ctx.Err() == nil {
		c.api.log.ErrorContext(c.ctx, "attachment could not be read", "err", err)
	}
	return n, err
}

// shield makes a browser take people's files for what they are and nothing more: no sniffing, no script, no other page's form.
func shield(h http.Header, c *attach.Content) {
	h.Set("Content-Type", c.Media)
	h.Set("Content-Disposition", disposition(c))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", confined(c.Media))
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // who has the word may show it on any page
}

// confined is a policy without any right. A browser's own viewer of PDFs does not run in a sandbox.
func confined(media string) string {
	if media == "application/pdf" {
		return "script-src 'none'; frame-ancestors 'self'"
	}
	return "default-src 'none'; media-src 'self'; img-src 'self'; style-src 'unsafe-inline'; sandbox"
}

// disposition shows only what a browser can show without running it; all else it keeps.
func disposition(c *attach.Content) string {
	how := "attachment"
	if kind, _, _ := strings.Cut(c.Media, "/"); !c.Save && (kind == "image" || kind == "audio" || kind == "video" || c.Media == "application/pdf") {
		how = "inline"
	}
	return how + "; filename=" + strconv.Quote(plainName(c.Name)) + "; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(c.Name), "+", "%20")
}

// plainName is the name for clients that read no other letters.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
}
