package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/identity/grant"
	"parley/internal/identity/grant/granttest"
	"parley/internal/outbox/outboxtest"
	"parley/internal/policy"
	"parley/recording"
	"parley/signal/interview"
	"parley/signal/wire"
	"parley/storage/keys"
)

// house is everything behind the API, on one page: what it was asked stands in order in did.
type house struct {
	mu        sync.Mutex
	did       []string
	failAudit error
	failOpen  error
	failMedia error           // before a byte of it
	storing   bool            // the recording is not in the store yet
	revoked   map[string]bool // users and tokens
	during    func()          // while a bundle is written

	clock  *clock
	grants granttest.Memory
	outbox outboxtest.Memory
	log    bytes.Buffer
	api    *API
}

func newHouse() *house {
	h := &house{clock: newClock(), revoked: map[string]bool{}}
	h.grants.Now = h.clock.now
	h.api = h.node()
	return h
}

// node is one of the servers of the house.
func (h *house) node() *API {
	return New(Config{
		Verifier: h, Conversations: h, Interviews: interviews{h}, Recordings: h, Revoker: h, Sessions: h, Audit: h, Outbox: &h.outbox,
		Grants: grant.New(grant.Config{Store: &h.grants, Revocations: h, Now: h.clock.now,
			Key: func(context.Context) ([32]byte, error) { return [32]byte{1}, nil }}),
		Signer: h,
		Texts:  policy.BuiltinTexts(), Figures: prometheus.NewRegistry(), Version: "test", Now: h.clock.now,
		LastHead: func(context.Context) (Head, bool) { return Head{}, false },
		Log:      slog.New(slog.NewJSONHandler(&h.log, nil)),
	})
}

func (h *house) note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.did = append(h.did, fmt.Sprintf(format, args...))
}

func (h *house) trace() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.did)
}

// Verify takes "role/user" for a token.
func (h *house) Verify(_ context.Context, token string) (identity.Principal, error) {
	role, user, ok := strings.Cut(token, "/")
	if !ok {
		return identity.Principal{}, policy.ErrUnauthenticated
	}
	return identity.Principal{
		User: identity.UserID(user), Role: identity.Role(role), TokenID: "t-" + user, Expires: h.clock.at.Add(24 * time.Hour),
	}, nil
}

func (h *house) Open(_ context.Context, _ identity.Principal, n chat.NewConversation) (chat.Conversation, error) {
	h.note("open %s", n.Key)
	return chat.Conversation{ID: "c-1", Created: true}, h.failOpen
}

func (h *house) Record(_ context.Context, p identity.Principal, action, object string, detail ...string) error {
	h.note("audit %s %s by %s %v", action, object, p.User, detail)
	return h.failAudit
}

func (h *house) Revoke(_ context.Context, r identity.Revocation) error {
	h.note("revoke %s%s", r.User, r.TokenID)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.revoked[string(r.User)+r.TokenID] = true
	return nil
}

func (h *house) Revoked(_ context.Context, u identity.UserID, token string, _ time.Time) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.revoked[string(u)] || h.revoked[token], nil
}

// PublicKeys are two, since the first was rotated.
func (h *house) PublicKeys(context.Context) ([]keys.PublicKey, error) {
	return []keys.PublicKey{{Key: bytes.Repeat([]byte{1}, 32), Until: h.clock.at}, {Key: bytes.Repeat([]byte{2}, 32), Since: h.clock.at}}, nil
}

func (h *house) Drop(r identity.Revocation) { h.note("drop %s%s", r.User, r.TokenID) }

func (h *house) info() recording.Info {
	return recording.Info{
		ID: "r-1", Interview: "i-1", State: recording.StateSealed, Available: !h.storing, Started: h.clock.at, Duration: 10 * time.Second,
		Head: wire.ReceiptHead{Recording: "r-1", Head: "abc"},
		Participants: []recording.Side{
			{User: "u-c", ID: "p1", Duration: 10 * time.Second, Tracks: []recording.TrackSpan{{Track: 1, Kind: "audio", Codec: "audio/opus", Label: "microphone"}},
				Gaps: []recording.GapSpan{{From: 5 * time.Second, To: 6 * time.Second, Reason: "loss"}}},
			{User: "u-r", ID: "p2", Gaps: []recording.GapSpan{{To: time.Second, Reason: "disconnected"}}},
		},
	}
}

func (h *house) List(context.Context, string) ([]recording.Info, error) {
	return []recording.Info{h.info()}, nil
}

func (h *house) Info(_ context.Context, id recording.ID) (recording.Info, error) {
	if id != "r-1" {
		return recording.Info{}, policy.ErrNotFound
	}
	return h.info(), nil
}

func (h *house) Derive(_ context.Context, id recording.ID, user identity.UserID) (io.ReadSeekCloser, error) {
	if h.failMedia != nil {
		return nil, h.failMedia
	}
	return film{strings.NewReader("0123456789"), h, string(id) + " " + string(user)}, nil
}

func (h *house) Export(_ context.Context, id recording.ID, w io.Writer) error {
	if h.failMedia != nil {
		return h.failMedia
	}
	h.note("export %s", id)
	_, err := io.WriteString(w, "PK")
	if h.during != nil {
		h.during()
		_, err = io.WriteString(w, "the rest")
	}
	return err
}

// film notes when its bytes are read.
type film struct {
	*strings.Reader
	h    *house
	name string
}

func (f film) Read(b []byte) (int, error) {
	f.h.note("read %s", f.name)
	return f.Reader.Read(b)
}

func (f film) Close() error {
	f.h.note("close %s", f.name)
	return nil
}

// interviews knows one, of u-c and u-r.
type interviews struct{ h *house }

func (i interviews) Open(_ context.Context, _ identity.Principal, s interview.Spec) (wire.Interview, error) {
	i.h.note("interview in %s", s.Conversation)
	return wire.Interview{ID: "i-1", State: "open"}, nil
}

func (i interviews) View(_ context.Context, p identity.Principal, id interview.ID) (wire.Interview, error) {
	if id != "i-1" || p.User != "u-c" && p.User != "u-r" {
		return wire.Interview{}, policy.ErrNotFound
	}
	return wire.Interview{ID: "i-1", Participants: []wire.Participant{{User: "u-c", Name: "李**"}, {User: "u-r", Name: "王经理"}}}, nil
}

func (h *house) do(method, path, token, body string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.api.ServeHTTP(w, r)
	return w.Result()
}

func (h *house) problem(t *testing.T, res *http.Response) Problem {
	t.Helper()
	var p Problem
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
		t.Fatalf("answer %d is no problem: %v", res.StatusCode, err)
	}
	if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	return p
}

// url asks for the recording and returns where to play the candidate's side.
func (h *house) url(t *testing.T) string {
	t.Helper()
	var shown InterviewRecording
	res := h.do("GET", "/v1/interviews/i-1/recording", "recruiter/u-r", "")
	if err := json.NewDecoder(res.Body).Decode(&shown); err != nil || res.StatusCode != 200 {
		t.Fatalf("recording: %d, %v", res.StatusCode, err)
	}
	if want := "audit recording.show interview/i-1 by u-r []"; !slices.Contains(h.trace(), want) {
		t.Errorf("did %q, want %q (A3)", h.trace(), want)
	}
	h.did = nil
	return shown.Parts[0].Sides[0].URL
}

func TestRecordingShowsSidesMaskedNamesAndGapsInOrder(t *testing.T) {
	h := newHouse()
	var shown InterviewRecording
	res := h.do("GET", "/v1/interviews/i-1/recording", "recruiter/u-r", "")
	if err := json.NewDecoder(res.Body).Decode(&shown); err != nil {
		t.Fatal(err)
	}
	part := shown.Parts[0]
	if part.Sides[0].Name != "李**" || part.Head.Head != "abc" || part.Duration != 10_000 {
		t.Errorf("part %+v", part)
	}
	if part.Sides[1].URL != "" {
		t.Error("a side without a track has an address to play")
	}
	want := []Gap{{"u-r", 0, 1000, "disconnected"}, {"u-c", 5000, 6000, "loss"}}
	if !slices.Equal(part.Gaps, want) {
		t.Errorf("gaps %v, want %v", part.Gaps, want)
	}
}

func TestEveryRangeIsAuditedBeforeItsFirstByte(t *testing.T) {
	h := newHouse()
	url := h.url(t)
	for _, c := range []struct{ header, body string }{{"", "0123456789"}, {"bytes=2-4", "234"}, {"bytes=7-", "789"}, {"bytes=-1", "9"}} {
		h.did = nil
		res := h.do("GET", url, "", "", "Range", c.header)
		body, _ := io.ReadAll(res.Body)
		if string(body) != c.body {
			t.Errorf("range %q: %q, want %q", c.header, body, c.body)
		}
		did := h.trace()
		want := fmt.Sprintf("audit recording.play recording/r-1 by u-r [interview i-1 side u-c range %s]", c.header)
		if did[0] != want || did[1] != "read r-1 u-c" || did[len(did)-1] != "close r-1 u-c" {
			t.Errorf("did %q, want first %q, then read, then close (A3)", did, want)
		}
	}
}

// What makes more than one plain range of a request must not show more than is written down.
func TestWhatIsShownIsWhatWasAudited(t *testing.T) {
	long := "bytes=0-0" + strings.Repeat(",0-0", 40) + ",1-9"
	for _, header := range [][]string{
		{"Range", "bytes=0-0", "If-Range", `"a tag"`}, {"Range", "bytes=0-0,5-6"}, {"Range", long}, {"Range", "bytes = 0-0"},
	} {
		h := newHouse()
		url := h.url(t)
		res := h.do("GET", url, "", "", header...)
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != 200 || string(body) != "0123456789" {
			t.Errorf("%q: %d %q, want the whole file", header, res.StatusCode, body)
		}
		if did := h.trace(); !strings.HasSuffix(did[0], "side u-c range ]") {
			t.Errorf("%q: %q, want an entry for the whole file (A3)", header, did[0])
		}
	}
}

func TestARevocationCutsWhatIsBeingSent(t *testing.T) {
	h := newHouse()
	h.during = func() { h.do("POST", "/v1/revocations", "operator/u-o", `{"token":"t-u-r"}`) }
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/v1/recordings/r-1/bundle", nil)
	r.Header.Set("Authorization", "Bearer recruiter/u-r")
	aborted := func() (yes bool) {
		defer func() { yes = recover() == http.ErrAbortHandler }()
		h.api.ServeHTTP(w, r)
		return false
	}()
	if !aborted || w.Body.String() != "PK" {
		t.Errorf("aborted %v after %q (T7)", aborted, w.Body)
	}
	if n := len(h.grants.Rows()); n != 0 {
		t.Errorf("%d grants were made for what nobody else may fetch", n)
	}
}

func TestAGrantThatCrossedARevocationIsWorthNothing(t *testing.T) {
	h := newHouse()
	url := h.url(t)
	h.revoked["u-r"] = true // made durable between the check of the token and the grant
	for _, path := range []string{url, "/v1/recordings/r-1/bundle"} {
		h.did = nil
		if res := h.do("GET", path, "recruiter/u-r", ""); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d (T7)", path, res.StatusCode)
		}
	}
}

func TestWithoutAnAuditEntryNothingIsShown(t *testing.T) {
	h := newHouse()
	url := h.url(t)
	h.failAudit = errors.New("disk full")
	for _, path := range []string{"/v1/interviews/i-1/recording", url, "/v1/recordings/r-1/bundle"} {
		h.did = nil
		res := h.do("GET", path, "recruiter/u-r", "")
		if p := h.problem(t, res); p.ID != "internal" || res.StatusCode != 500 {
			t.Errorf("%s: %d %q", path, res.StatusCode, p.ID)
		}
		for _, did := range h.trace() {
			if strings.HasPrefix(did, "read") || strings.HasPrefix(did, "export") {
				t.Errorf("%s: %q although it could not be audited (A3)", path, did)
			}
		}
	}
}

func TestRevocationIsWrittenDownThenDoneThenSessionsEnd(t *testing.T) {
	h := newHouse()
	url := h.url(t)
	res := h.do("POST", "/v1/revocations", "operator/u-o", `{"user":"u-r","reason":"left"}`)
	if res.StatusCode != http.StatusNoContent {
		t.Fatalf("status %d", res.StatusCode)
	}
	want := []string{"audit session.revoke user/u-r by u-o [reason left]", "revoke u-r", "drop u-r"}
	if did := h.trace(); !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
	if res := h.do("GET", url, "", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("play-back goes on for a revoked person: %d (T7)", res.StatusCode)
	}
	for _, body := range []string{`{}`, `{"user":"a","token":"b"}`} {
		if res := h.do("POST", "/v1/revocations", "operator/u-o", body); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d, want 400", body, res.StatusCode)
		}
	}
}

func TestRevocationThatCantBeAuditedDoesNotHappen(t *testing.T) {
	h := newHouse()
	h.failAudit = errors.New("disk full")
	h.do("POST", "/v1/revocations", "operator/u-o", `{"user":"u-r"}`)
	if did := h.trace(); len(did) != 1 {
		t.Errorf("did %q", did)
	}
}

func TestBundleIsForThoseWhoTookPart(t *testing.T) {
	h := newHouse()
	for token, want := range map[string]int{
		"candidate/u-c": 200, "recruiter/u-r": 200, "recruiter/u-x": 404, "support/u-s": 403, "": 401, "nonsense": 401,
	} {
		if res := h.do("GET", "/v1/recordings/r-1/bundle", token, ""); res.StatusCode != want {
			t.Errorf("%q: %d, want %d", token, res.StatusCode, want)
		}
	}
}

func TestRefusalsAreToldAndFaultsAreNot(t *testing.T) {
	body := `{"key":"k","members":[{"user":"a","role":"candidate","family_name":"张","given_name":"三"},{"user":"b","role":"recruiter","family_name":"钱","given_name":"多"}]}`
	for _, c := range []struct {
		err    error
		status int
		id     string
		logged bool
	}{
		{policy.ErrConflict, 409, "conflict", false},
		{fmt.Errorf("open: %w", policy.ErrRateLimited.After(1500*time.Millisecond)), 429, "rate_limited", false},
		{errors.New("disk on fire in /var/lib"), 500, "internal", true},
	} {
		h := newHouse()
		h.failOpen = c.err
		res := h.do("POST", "/v1/conversations", "service/s", body)
		p := h.problem(t, res)
		if res.StatusCode != c.status || p.ID != c.id || p.Text["zh"] == "" || p.Text["en"] == "" {
			t.Errorf("%v: %d %+v", c.err, res.StatusCode, p)
		}
		if strings.Contains(fmt.Sprint(p), "fire") {
			t.Errorf("the answer tells of a fault: %+v", p)
		}
		if logged := strings.Count(h.log.String(), "fire"); logged != 0 && !c.logged || logged != 1 && c.logged {
			t.Errorf("%v: logged %d times", c.err, logged)
		}
		if c.status == 429 && res.Header.Get("Retry-After") != "2" {
			t.Errorf("Retry-After %q, want 2", res.Header.Get("Retry-After"))
		}
	}
}

func TestWrongBodyNamesThePartAndNotTheValue(t *testing.T) {
	h := newHouse()
	res := h.do("POST", "/v1/conversations", "service/s", `{"key":"k","members":[{"user":"a","role":"秘密","family_name":"李","given_name":"晓明"}]}`)
	raw, _ := io.ReadAll(res.Body)
	if res.StatusCode != 400 || !bytes.Contains(raw, []byte("body.members[0].role")) {
		t.Errorf("%d %s", res.StatusCode, raw)
	}
	if bytes.Contains(raw, []byte("秘密")) || bytes.Contains(raw, []byte("晓明")) {
		t.Errorf("the answer holds a value: %s", raw)
	}
	if len(h.trace()) != 0 {
		t.Errorf("did %q", h.trace())
	}
}

func TestTokenIsCheckedBeforeTheBodyIsRead(t *testing.T) {
	h := newHouse()
	r := httptest.NewRequest("POST", "/v1/conversations", iotestReader{t})
	w := httptest.NewRecorder()
	h.api.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// iotestReader is a body that must not be read.
type iotestReader struct{ t *testing.T }

func (r iotestReader) Read([]byte) (int, error) {
	r.t.Error("the body of a stranger is read")
	return 0, io.EOF
}

func TestHugeBodyIsRefused(t *testing.T) {
	h := newHouse()
	res := h.do("POST", "/v1/conversations", "service/s", `{"key":"`+strings.Repeat("a", maxBody)+`"}`)
	if p := h.problem(t, res); p.ID != "too_large" || res.StatusCode != 413 {
		t.Errorf("%d %q", res.StatusCode, p.ID)
	}
}

func TestWhoAsksTooOftenIsToldWhenToComeBack(t *testing.T) {
	h := newHouse()
	for name, ask := range map[string]func() *http.Response{
		"person":      func() *http.Response { return h.do("GET", "/v1/interviews/i-1/recording", "recruiter/u-r", "") },
		"stranger":    func() *http.Response { return h.do("GET", "/v1/texts/interview-recording@1", "", "") },
		"wrong token": func() *http.Response { return h.do("GET", "/v1/interviews/i-1/recording", "guess", "") },
	} {
		var refused *http.Response
		for range 1000 {
			if res := ask(); res.StatusCode == http.StatusTooManyRequests {
				refused = res
				break
			}
		}
		if refused == nil || refused.Header.Get("Retry-After") == "" {
			t.Errorf("%s: asks without end", name)
		}
	}
	if res := h.do("GET", "/v1/interviews/i-1/recording", "candidate/u-c", ""); res.StatusCode != 200 {
		t.Errorf("somebody else pays for it: %d", res.StatusCode)
	}
}

func TestARefusedTokenSaysWhatToDo(t *testing.T) {
	h := newHouse()
	for name, c := range map[string]struct{ token, says string }{
		"none":           {"", "send Bearer and a token"},
		"not ours":       {"nonsense", "/v1/openapi.json"},
		"a wrong role":   {"recruiter/u-r", "is of role recruiter, which may not conversation.open"},
		"a wrong header": {"service/backend", "Content-Type: application/json"},
	} {
		res := h.do("POST", "/v1/conversations", c.token, "{", "Content-Type", "text/plain")
		var p Problem
		if err := json.NewDecoder(res.Body).Decode(&p); err != nil || len(p.Fields) != 1 || !strings.Contains(p.Fields[0].Why, c.says) {
			t.Errorf("%s: %d %+v, %v", name, res.StatusCode, p, err)
		}
	}
}

func TestTheDescriptionSaysWhatIsAnswered(t *testing.T) {
	h := newHouse()
	res := h.do("GET", "/v1/openapi.json", "", "")
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]any
		}
		Components struct {
			SecuritySchemes map[string]struct{ Description string }
			Schemas         map[string]struct {
				Properties map[string]struct{ Description string }
			}
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), `"null"`) {
		t.Error("a list may be null")
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			for status, wanted := range map[string]bool{"422": false, "400": true, "429": true, "500": true, "503": true, "413": method == "post"} {
				if _, ok := op.Responses[status]; ok != wanted {
					t.Errorf("%s %s: %s is %v", method, path, status, ok)
				}
			}
		}
	}
	for _, status := range []string{"200", "201", "401", "403", "409"} {
		if doc.Paths["/v1/conversations"]["post"].Responses[status] == nil {
			t.Errorf("open-conversation does not tell of %s", status)
		}
	}
	for _, claim := range []string{"kid", "sub", "role", "jti", "iat", "exp", "iss", "aud", "age", "guardian", "company", "att.exp", "amr"} {
		if !strings.Contains(doc.Components.SecuritySchemes[bearer].Description, claim) {
			t.Errorf("nothing tells of %s in tokens", claim)
		}
	}
	for _, r := range policy.Refusals {
		if !strings.Contains(doc.Components.Schemas["Problem"].Properties["id"].Description, r.ID) {
			t.Errorf("nothing tells of %s", r.ID)
		}
	}
}

func TestDescriptionHoldsEveryRouteAndNothingFromElsewhere(t *testing.T) {
	h := newHouse()
	res := h.do("GET", "/v1/openapi.json", "", "")
	var doc struct {
		OpenAPI string                               `json:"openapi"`
		Paths   map[string]map[string]map[string]any `json:"paths"`
	}
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatalf("%v, openapi %q", err, doc.OpenAPI)
	}
	open := []string{"/v1/keys", "/v1/status", "/v1/texts/{version}", "/v1/playback/{grant}"}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if secured := op["security"] != nil; secured == slices.Contains(open, path) {
				t.Errorf("%s %s: secured is %v", method, path, secured)
			}
			if op["summary"] == nil {
				t.Errorf("%s %s has no summary", method, path)
			}
		}
	}
	if len(doc.Paths) != 12 {
		t.Errorf("%d paths", len(doc.Paths))
	}
}
