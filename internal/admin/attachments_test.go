package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/chat"
	"parley/chat/attach"
	"parley/chat/attach/attachtest"
	"parley/internal/identity"
	"parley/internal/identity/grant"
	"parley/internal/policy"
	"parley/internal/testenv/bubble"
	"parley/signal/wire"
	"parley/storage/keys/keystest"
	"parley/storage/object/fs"
)

// table is the conversation c-1 of a candidate and a recruiter. Its entry n shows what was shown n-th in any test.
type table struct{}

// shown are what entries of the table show.
var shown struct {
	sync.Mutex
	entries []json.RawMessage
}

// show makes an entry that shows the attachment under the name.
func show(t *testing.T, id, name string) uint64 {
	t.Helper()
	content, err := json.Marshal(wire.MediaContent{Attachment: id, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	shown.Lock()
	defer shown.Unlock()
	shown.entries = append(shown.entries, content)
	return uint64(len(shown.entries))
}

func (table) Enter(_ context.Context, p identity.Principal, a identity.Action, id chat.ConversationID) ([]chat.Party, error) {
	if err := identity.Allow(p, a); err != nil {
		return nil, err
	}
	all := []chat.Party{{User: "u-c", Role: identity.Candidate}, {User: "u-r", Role: identity.Recruiter}}
	i := slices.Index(all, chat.Party{User: p.User, Role: p.Role})
	if i < 0 || id != "c-1" {
		return nil, policy.ErrNotFound
	}
	all[0], all[i] = all[i], all[0]
	return all, nil
}

func (table) Read(_ context.Context, p identity.Principal, id chat.ConversationID, r chat.Range) (chat.Page, error) {
	shown.Lock()
	defer shown.Unlock()
	if p.User != "u-r" || id != "c-1" || r.After >= uint64(len(shown.entries)) {
		return chat.Page{}, policy.ErrNotFound
	}
	return chat.Page{Entries: []wire.Entry{{Seq: r.After + 1, Sender: "u-c", Type: chat.TypeFile, Content: shown.entries[r.After]}}}, nil
}

func (table) Members(context.Context, chat.ConversationID) ([]chat.Member, error) { return nil, nil }

func (table) Post(context.Context, chat.ConversationID, chat.Draft) (chat.Ack, error) {
	return chat.Ack{}, nil
}

// attachmentHouse is a house with attachments, and a server of it.
func attachmentHouse(t *testing.T) (*house, *httptest.Server) {
	t.Helper()
	h := newHouse()
	bucket, err := fs.Open(t.TempDir(), fs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bucket.Close() })
	store := &attachtest.Memory{}
	cfg := h.api.Config
	cfg.Attachments = attach.New(attach.Config{Store: store, Sweeps: store, Bucket: bucket, Vault: keystest.New(), Chat: table{}, Grants: cfg.Grants, Now: h.clock.now})
	h.api = New(cfg)
	s := httptest.NewServer(h.api)
	t.Cleanup(s.Close)
	return h, s
}

// asks makes a request over the network, as streaming needs it.
func asks(t *testing.T, s *httptest.Server, method, path, token string, body io.Reader, header ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, b
}

func upload(t *testing.T, s *httptest.Server, kind, name string, b []byte) AttachmentUpload {
	t.Helper()
	res, out := asks(t, s, "POST", "/v1/conversations/c-1/attachments?kind="+kind, "candidate/u-c", bytes.NewReader(b), "Parley-Name", url.PathEscape(name))
	var u AttachmentUpload
	if err := json.Unmarshal(out, &u); err != nil || res.StatusCode != http.StatusCreated || u.Attachment == nil {
		t.Fatalf("%d %s, %v", res.StatusCode, out, err)
	}
	return u
}

// given is the address of an attachment for the recruiter.
func (h *house) given(t *testing.T, seat grant.Seat) string {
	t.Helper()
	p, err := h.Verify(t.Context(), "recruiter/u-r")
	if err != nil {
		t.Fatal(err)
	}
	if seat.Attachment != "" {
		seat.Conversation = "c-1"
	}
	words, err := h.api.Grants.Give(t.Context(), p, seat)
	if err != nil {
		t.Fatal(err)
	}
	return attach.OpenPath + words[0]
}

func pdf(size int) []byte { return append([]byte("%PDF-1.4\n"), bytes.Repeat([]byte("x"), size)...) }

func TestASmallFileGoesUpAndComesBackByGrant(t *testing.T) {
	h, s := attachmentHouse(t)
	b := pdf(300_000)
	u := upload(t, s, "resume", "简历 (final).pdf", b)
	if u.Attachment.Name != "简历 (final).pdf" || u.Attachment.Media != "application/pdf" || u.Attachment.Size != int64(len(b)) || u.Offset != u.Size {
		t.Errorf("%+v", u)
	}
	path := h.given(t, grant.Seat{Attachment: u.ID, Entry: show(t, u.ID, u.Attachment.Name)})
	for _, c := range []struct {
		header []string
		status int
		want   []byte
	}{
		{nil, 200, b},
		{[]string{"Range", "bytes=100-199"}, 206, b[100:200]},
		{[]string{"Range", "bytes=-5"}, 206, b[len(b)-5:]},
		{[]string{"Range", "bytes=299000-"}, 206, b[299000:]},
		{[]string{"Range", "bytes=0-1,5-9"}, 200, b},
		{[]string{"Range", "bytes=0-9", "If-Range", `"x"`}, 200, b},
		{[]string{"Range", "bytes=900000-"}, 416, nil},
	} {
		res, got := asks(t, s, "GET", path, "", nil, c.header...)
		if res.StatusCode != c.status || c.want != nil && !bytes.Equal(got, c.want) {
			t.Errorf("%v: %d with %d bytes, want %d with %d", c.header, res.StatusCode, len(got), c.status, len(c.want))
		}
	}
	res, got := asks(t, s, "HEAD", path, "", nil)
	if res.StatusCode != 200 || res.ContentLength != int64(len(b)) || len(got) != 0 {
		t.Errorf("HEAD: %d, %d bytes", res.StatusCode, res.ContentLength)
	}
}

// Whatever people send, a browser takes it for what it is, runs none of it and sends no address on.
func TestFilesOfPeopleAreConfined(t *testing.T) {
	h, s := attachmentHouse(t)
	m := func() []byte {
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 20, 10))); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}()
	picture, text, doc := upload(t, s, "picture", "a.png", m), upload(t, s, "file", `a"; x=.txt`, []byte("words")), upload(t, s, "file", "a.pdf", pdf(10))
	for _, c := range []struct {
		what                    string
		seat                    grant.Seat
		media, disposition, csp string
	}{
		{"a picture", grant.Seat{Attachment: picture.ID, Entry: show(t, picture.ID, picture.Attachment.Name)}, "image/png", `inline; filename="a.png"; filename*=UTF-8''a.png`, "sandbox"},
		{"a thumbnail", grant.Seat{Attachment: picture.ID, Entry: show(t, picture.ID, picture.Attachment.Name), Thumb: true}, "image/jpeg", "inline; ", "sandbox"},
		{"a picture to keep", grant.Seat{Attachment: picture.ID, Entry: show(t, picture.ID, picture.Attachment.Name), Save: true}, "image/png", "attachment; ", "sandbox"},
		{"a text", grant.Seat{Attachment: text.ID, Entry: show(t, text.ID, text.Attachment.Name)}, "text/plain", `attachment; filename="a; x=.txt"; filename*=UTF-8''a%3B%20x%3D.txt`, "sandbox"},
		{"a PDF", grant.Seat{Attachment: doc.ID, Entry: show(t, doc.ID, doc.Attachment.Name)}, "application/pdf", "inline; ", "script-src 'none'"},
	} {
		res, _ := asks(t, s, "GET", h.given(t, c.seat), "", nil)
		got := res.Header
		if res.StatusCode != 200 || got.Get("Content-Type") != c.media || !strings.HasPrefix(got.Get("Content-Disposition"), c.disposition) ||
			!strings.Contains(got.Get("Content-Security-Policy"), c.csp) || got.Get("X-Content-Type-Options") != "nosniff" ||
			got.Get("Cache-Control") != "no-store" || got.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %d %v", c.what, res.StatusCode, got)
		}
	}
}

func TestALargeFileGoesUpInParts(t *testing.T) {
	_, s := attachmentHouse(t)
	b := pdf(9 << 20)
	res, out := asks(t, s, "POST", "/v1/conversations/c-1/attachments?kind=file", "candidate/u-c", nil, "Upload-Length", strconv.Itoa(len(b)), "Parley-Name", "a.pdf")
	var u AttachmentUpload
	if err := json.Unmarshal(out, &u); err != nil || res.StatusCode != 201 || u.Offset != 0 || u.Size != int64(len(b)) || u.Attachment != nil {
		t.Fatalf("%d %s", res.StatusCode, out)
	}
	path := "/v1/conversations/c-1/attachments/" + u.ID
	patch := func(from, to int) (*http.Response, []byte) {
		return asks(t, s, "PATCH", path, "candidate/u-c", bytes.NewReader(b[from:to]), "Upload-Offset", strconv.Itoa(from))
	}
	if res, out := patch(0, 5<<20); res.StatusCode != 200 || res.Header.Get("Upload-Offset") != strconv.Itoa(5<<20) {
		t.Fatalf("%d %s", res.StatusCode, out)
	}
	if res, out := patch(0, 1<<20); res.StatusCode != 409 {
		t.Errorf("the same again: %d %s", res.StatusCode, out)
	}
	for _, method := range []string{"GET", "HEAD"} {
		res, _ := asks(t, s, method, path, "candidate/u-c", nil)
		if res.StatusCode != 200 || res.Header.Get("Upload-Offset") != strconv.Itoa(5<<20) || res.Header.Get("Upload-Length") != strconv.Itoa(len(b)) {
			t.Errorf("%s: %d %v", method, res.StatusCode, res.Header)
		}
	}
	res, out = patch(5<<20, len(b))
	if err := json.Unmarshal(out, &u); err != nil || res.StatusCode != 200 || u.Attachment == nil || u.Attachment.Name != "a.pdf" {
		t.Fatalf("%d %s", res.StatusCode, out)
	}
}

func TestUploadsAreRefusedWithAReason(t *testing.T) {
	h, s := attachmentHouse(t)
	const path = "/v1/conversations/c-1/attachments?kind=file"
	for _, c := range []struct {
		what, method, path, token string
		body                      []byte
		header                    []string
		status                    int
		id                        string
	}{
		{"no token", "POST", path, "", pdf(10), nil, 401, "unauthenticated"},
		{"a viewer", "POST", path, "viewer/u-c", pdf(10), nil, 403, "forbidden"},
		{"a stranger", "POST", path, "candidate/u-x", pdf(10), nil, 404, "not_found"},
		{"another conversation", "POST", "/v1/conversations/c-2/attachments?kind=file", "candidate/u-c", pdf(10), nil, 404, "not_found"},
		{"no kind", "POST", "/v1/conversations/c-1/attachments", "candidate/u-c", pdf(10), nil, 400, "bad_request"},
		{"another kind", "POST", "/v1/conversations/c-1/attachments?kind=program", "candidate/u-c", pdf(10), nil, 400, "bad_request"},
		{"a form", "POST", path, "candidate/u-c", pdf(10), []string{"Content-Type", "multipart/form-data; boundary=x"}, 400, "bad_request"},
		{"a name that is not encoded", "POST", path, "candidate/u-c", pdf(10), []string{"Parley-Name", "100%"}, 400, "bad_request"},
		{"no body", "POST", path, "candidate/u-c", nil, nil, 400, "bad_request"},
		{"a program", "POST", path, "candidate/u-c", []byte("\x7fELF\x02\x01\x01\x00"), nil, 400, "bad_request"},
		{"too much at once", "POST", path, "candidate/u-c", pdf(attach.MaxSmall), nil, 413, "too_large"},
		{"too much at all", "POST", path, "candidate/u-c", nil, []string{"Upload-Length", "99999999999"}, 413, "too_large"},
		{"no offset", "PATCH", "/v1/conversations/c-1/attachments/x", "candidate/u-c", pdf(10), nil, 400, "bad_request"},
		{"no such upload", "PATCH", "/v1/conversations/c-1/attachments/x", "candidate/u-c", pdf(10), []string{"Upload-Offset", "0"}, 404, "not_found"},
		{"no such upload to ask for", "GET", "/v1/conversations/c-1/attachments/x", "candidate/u-c", nil, nil, 404, "not_found"},
		{"a made-up word", "GET", attach.OpenPath + "JBSWY3DPEHPK3PXPJBSWY3DPEH", "", nil, nil, 404, "not_found"},
		{"the word of a recording", "GET", h.given(t, grant.Seat{Recording: "r-1", Side: "u-c"}), "", nil, nil, 404, "not_found"},
	} {
		res, out := asks(t, s, c.method, c.path, c.token, bytes.NewReader(c.body), c.header...)
		var p Problem
		if err := json.Unmarshal(out, &p); err != nil || res.StatusCode != c.status || p.ID != c.id || p.Text["zh"] == "" {
			t.Errorf("%s: %d %s; want %d %s", c.what, res.StatusCode, out, c.status, c.id)
		}
	}
	if log := h.log.String(); strings.Contains(log, "u-c") || strings.Contains(log, "final") {
		t.Errorf("the log tells: %s", log)
	}
}

// T7: a revoked token ends its addresses.
func TestARevocationEndsTheAddressesOfFiles(t *testing.T) {
	h, s := attachmentHouse(t)
	u := upload(t, s, "file", "a.pdf", pdf(3<<20))
	path := h.given(t, grant.Seat{Attachment: u.ID, Entry: show(t, u.ID, u.Attachment.Name)})
	if res, _ := asks(t, s, "GET", path, "", nil); res.StatusCode != 200 {
		t.Fatalf("before it: %d", res.StatusCode)
	}
	h.mu.Lock()
	h.revoked["u-r"] = true
	h.mu.Unlock()
	h.api.Grants.Drop(identity.Revocation{User: "u-r"})
	if res, _ := asks(t, s, "GET", path, "", nil); res.StatusCode != 404 {
		t.Errorf("after a revocation: %d", res.StatusCode)
	}
}

// What was begun within the minute is sent to its end; nothing is begun after it.
func TestAnAddressOfAMinuteSendsToTheEnd(t *testing.T) {
	h, s := attachmentHouse(t)
	b := pdf(3 << 20)
	u := upload(t, s, "file", "a.pdf", b)
	path := h.given(t, grant.Seat{Attachment: u.ID, Entry: show(t, u.ID, u.Attachment.Name), Until: h.clock.at.Add(grant.Start)})
	slow := &passing{then: func() { h.clock.at = h.clock.at.Add(2 * time.Minute) }}
	r := httptest.NewRequest("GET", path, nil)
	h.api.ServeHTTP(slow, r)
	if slow.n != len(b) {
		t.Errorf("%d bytes of %d", slow.n, len(b))
	}
	if res := h.do("GET", path, "", ""); res.StatusCode != 404 {
		t.Errorf("begun after two minutes: %d", res.StatusCode)
	}
}

// passing is a client that takes a long time over its first bytes.
type passing struct {
	header http.Header
	then   func()
	n      int
}

func (p *passing) Header() http.Header {
	if p.header == nil {
		p.header = http.Header{}
	}
	return p.header
}

func (p *passing) WriteHeader(int) {}

func (p *passing) Write(b []byte) (int, error) {
	if p.n == 0 {
		p.then()
	}
	p.n += len(b)
	return len(b), nil
}

func TestWithoutAttachmentsTheirRoutesAreNotThere(t *testing.T) {
	h := newHouse()
	for _, path := range []string{"/v1/conversations/c-1/attachments?kind=file", attach.OpenPath + "x"} {
		if res := h.do("POST", path, "candidate/u-c", "x"); res.StatusCode != 404 {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

// A client that sends a byte now and then holds nobody's place for long.
func TestATrickleIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var until time.Time
		trickle := readerFunc(func(b []byte) (int, error) {
			if bubble.Pass(10 * time.Second); time.Now().After(until) { // the bubble's clock
				return 0, os.ErrDeadlineExceeded
			}
			return copy(b, "x"), nil
		})
		s := &steady{Reader: trickle, deadline: func(at time.Time) error { until = at; return nil }}
		began := time.Now()
		if _, err := io.Copy(io.Discard, s); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 2*stall {
			t.Errorf("cut off after %v: %v", time.Since(began), err)
		}
		if !until.IsZero() {
			t.Error("the deadline stays when the body is over")
		}
		quick := &steady{Reader: io.LimitReader(readerFunc(func(b []byte) (int, error) { bubble.Pass(time.Second); return len(b), nil }), 4<<20),
			deadline: s.deadline}
		if n, err := io.Copy(io.Discard, quick); n != 4<<20 || err != nil {
			t.Errorf("a steady client: %d bytes, %v", n, err)
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
