package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/chain"
	"parley/internal/identity"
	"parley/internal/identity/grant"
	"parley/internal/policy"
	"parley/recording"
)

// A load balancer sends each request to another node.
func TestAnAddressPlaysOnEveryNode(t *testing.T) {
	h := newHouse()
	url := h.url(t)
	for i := range 4 {
		h.api = h.node()
		res := h.do("GET", url, "", "", "Range", fmt.Sprintf("bytes=%d-%d", i, i))
		if body, _ := io.ReadAll(res.Body); res.StatusCode != 206 || string(body) != fmt.Sprint(i) {
			t.Errorf("range %d: %d %q", i, res.StatusCode, body)
		}
	}
}

func TestARevocationOnOneNodeEndsPlayBackOnAnother(t *testing.T) { // T7
	for name, pass := range map[string]time.Duration{"told": 0, "not told": grant.Fresh} {
		t.Run(name, func(t *testing.T) {
			h := newHouse()
			url := h.url(t)
			here, there := h.api, h.node()
			h.api = there
			if res := h.do("GET", url, "", ""); res.StatusCode != 200 {
				t.Fatalf("plays: %d", res.StatusCode)
			}
			h.api = here
			h.do("POST", "/v1/revocations", "operator/u-o", `{"token":"t-u-r"}`)
			h.api = there
			if pass == 0 {
				there.Grants.Drop(identity.Revocation{TokenID: "t-u-r"})
			}
			h.clock.pass(pass)
			if res := h.do("GET", url, "", ""); res.StatusCode != 404 {
				t.Errorf("after a revocation: %d", res.StatusCode)
			}
		})
	}
}

func TestWithoutTheDatabaseNothingIsPlayed(t *testing.T) {
	h := newHouse()
	url := h.url(t)
	h.grants.Break(errors.New("10.0.0.7 is away"))
	res := h.do("GET", url, "", "")
	if p := h.problem(t, res); res.StatusCode != 503 || !p.Retry || len(h.trace()) != 0 {
		t.Errorf("%d %+v, did %q", res.StatusCode, p, h.trace())
	}
	if n := strings.Count(h.log.String(), "is away"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	h.grants.Break(nil)
	if res := h.do("GET", url, "", ""); res.StatusCode != 200 {
		t.Errorf("after it came back: %d", res.StatusCode)
	}
}

func TestWhatIsStillBeingStoredIsShownAndNotPlayed(t *testing.T) {
	h := newHouse()
	h.storing = true
	var shown InterviewRecording
	if err := json.NewDecoder(h.do("GET", "/v1/interviews/i-1/recording", "recruiter/u-r", "").Body).Decode(&shown); err != nil {
		t.Fatal(err)
	}
	if part := shown.Parts[0]; part.Available || part.State != "sealed" || part.Sides[0].URL != "" || part.Head == nil {
		t.Errorf("shown as %+v", part)
	}
	h.did = nil
	res := h.do("GET", "/v1/recordings/r-1/bundle", "recruiter/u-r", "")
	wantLater(t, h, res)
	if did := h.trace(); len(did) != 0 {
		t.Errorf("did %q, want nothing: nothing was handed out", did)
	}
}

// The page asked a node that has the files; the request goes to one that has not.
func TestWhatThisNodeHasNotGotIsRefusedForNow(t *testing.T) {
	h := newHouse()
	url := h.url(t)
	h.failMedia = fmt.Errorf("derive: %w", recording.ErrStoring)
	wantLater(t, h, h.do("GET", url, "", ""))
	wantLater(t, h, h.do("GET", "/v1/recordings/r-1/bundle", "recruiter/u-r", ""))
}

func wantLater(t *testing.T, h *house, res *http.Response) {
	t.Helper()
	p := h.problem(t, res)
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || !p.Retry || p.ID != policy.ErrUnavailable.ID ||
		p.Text["en"] != recording.ErrStoring.En || p.Text["zh"] != recording.ErrStoring.Zh {
		t.Errorf("%d %v %+v", res.StatusCode, res.Header, p)
	}
	for _, name := range []string{"Content-Disposition", "Accept-Ranges"} {
		if got := res.Header.Get(name); got != "" {
			t.Errorf("%s: %q with a refusal", name, got)
		}
	}
}

func TestAllKeysThereEverWereAreListed(t *testing.T) { // E6
	h := newHouse()
	var got struct{ Keys []SigningKey }
	if err := json.NewDecoder(h.do("GET", "/v1/keys", "", "").Body).Decode(&got); err != nil || len(got.Keys) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	today, former := got.Keys[0], got.Keys[1]
	if today.Public[0] != 2 || today.Until != nil || !today.Since.Equal(h.clock.at) {
		t.Errorf("first is %+v, want the one that signs today", today)
	}
	if former.Public[0] != 1 || former.Since != nil || !former.Until.Equal(h.clock.at) {
		t.Errorf("then %+v, want the one before", former)
	}
	if want := string(chain.PublicKeyID(former.Public)); former.ID != want || former.Algorithm != "Ed25519" {
		t.Errorf("%+v, want id %s", former, want)
	}
}

func TestOneAnswerGivesNoMoreAddressesThanOnePersonHolds(t *testing.T) {
	h := newHouse()
	parts := []Part{{Available: true, Recording: "r-1"}, {Recording: "r-2", Sides: []Side{{User: "u-c", Tracks: make([]Track, 1)}}}}
	for range grant.PerUser + 1 {
		parts[0].Sides = append(parts[0].Sides, Side{User: "u-c", Tracks: make([]Track, 1)})
	}
	p := identity.Principal{User: "u-r", Expires: h.clock.at.Add(time.Hour)}
	if err := h.api.letPlay(t.Context(), p, "i-1", parts); err != nil {
		t.Fatal(err)
	}
	without := slices.IndexFunc(parts[0].Sides, func(s Side) bool { return s.URL == "" })
	if without != grant.PerUser || parts[1].Sides[0].URL != "" {
		t.Errorf("side %d has no address, want %d; and the part that is not available has %q", without, grant.PerUser, parts[1].Sides[0].URL)
	}
}
