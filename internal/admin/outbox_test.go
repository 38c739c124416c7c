package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/outbox"
	"parley/internal/outbox/outboxtest"
)

// bury makes events of every kind dead and returns their ids.
func (h *house) bury(t *testing.T) []string {
	t.Helper()
	events := outboxtest.EachKind(t)
	if err := h.outbox.Append(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	claims, err := h.outbox.Claim(t.Context(), len(events), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var results []outbox.Result
	var ids []string
	for _, c := range claims {
		results = append(results, outbox.Result{ID: c.Event.ID, Attempt: c.Attempt, Outcome: outbox.Dead, Reason: "status 5xx"})
		ids = append(ids, string(c.Event.ID))
	}
	if err := h.outbox.Settle(t.Context(), results); err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	return ids
}

func (h *house) backlog(t *testing.T) outbox.Backlog {
	t.Helper()
	b, err := h.outbox.Backlog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDeadLettersAreListedInPages(t *testing.T) {
	h := newHouse()
	want := h.bury(t)
	var got []string
	next := ""
	for range len(want) {
		res := h.do("GET", "/v1/outbox/dead?limit=4&after="+next, "operator/u-o", "")
		raw, _ := io.ReadAll(res.Body)
		var page struct {
			Events []DeadLetter
			Next   string
		}
		if err := json.Unmarshal(raw, &page); err != nil || res.StatusCode != 200 || res.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %s, %v", res.StatusCode, raw, err)
		}
		if strings.Contains(string(raw), "用户") {
			t.Errorf("the list names who sent an entry: %s", raw)
		}
		for _, e := range page.Events {
			got = append(got, e.ID)
			if e.Attempts != 1 || e.Reason != "status 5xx" || e.Kind == "" || e.At.IsZero() || e.Died.IsZero() {
				t.Errorf("shown as %+v", e)
			}
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	for _, bad := range []string{"limit=0", "limit=501", "limit=x", "after=" + strings.Repeat("x", 65)} {
		if res := h.do("GET", "/v1/outbox/dead?"+bad, "operator/u-o", ""); res.StatusCode != 400 {
			t.Errorf("%s: %d, want 400", bad, res.StatusCode)
		}
	}
}

func TestAReplayIsWrittenDownFirst(t *testing.T) { // A3
	h := newHouse()
	ids := h.bury(t)
	if res := h.do("POST", "/v1/outbox/dead/"+ids[0]+"/replay", "operator/u-o", ""); res.StatusCode != http.StatusNoContent {
		t.Fatalf("one: %d", res.StatusCode)
	}
	if b := h.backlog(t); b.Pending != 1 || b.Dead != len(ids)-1 {
		t.Errorf("after one: %+v", b)
	}
	if res := h.do("POST", "/v1/outbox/dead/"+ids[0]+"/replay", "operator/u-o", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("the same again: %d, want 404", res.StatusCode)
	}
	res := h.do("POST", "/v1/outbox/dead/replay", "service/backend", "")
	var all struct{ Replayed int }
	if err := json.NewDecoder(res.Body).Decode(&all); err != nil || res.StatusCode != 200 || all.Replayed != len(ids)-1 {
		t.Errorf("all: %d %+v, %v", res.StatusCode, all, err)
	}
	if b := h.backlog(t); b.Pending != len(ids) || b.Dead != 0 {
		t.Errorf("after all: %+v", b)
	}
	want := []string{
		"audit outbox.replay event/" + ids[0] + " by u-o []", "audit outbox.replay event/" + ids[0] + " by u-o []",
		"audit outbox.replay event/* by backend []",
	}
	if did := h.trace(); !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
}

func TestAReplayThatCantBeAuditedDoesNotHappen(t *testing.T) {
	h := newHouse()
	ids := h.bury(t)
	h.failAudit = errors.New("disk full")
	for _, path := range []string{"/v1/outbox/dead/" + ids[0] + "/replay", "/v1/outbox/dead/replay"} {
		if res := h.do("POST", path, "operator/u-o", ""); res.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	if b := h.backlog(t); b.Pending != 0 || b.Dead != len(ids) {
		t.Errorf("backlog %+v, want all still dead", b)
	}
}

func TestDeadLettersAreForThePlatformAndItsOperators(t *testing.T) {
	h := newHouse()
	id := h.bury(t)[0]
	for token, want := range map[string]bool{
		"operator/u-o": true, "service/backend": true, "support/u": false, "approver/u": false, "candidate/u": false,
		"recruiter/u": false, "headhunter/u": false, "viewer/u": false, "": false,
	} {
		for _, r := range []struct{ method, path string }{
			{"GET", "/v1/outbox/dead"}, {"POST", "/v1/outbox/dead/" + id + "/replay"}, {"POST", "/v1/outbox/dead/replay"},
		} {
			res := h.do(r.method, r.path, token, "")
			if refused := res.StatusCode == 401 || res.StatusCode == 403; refused == want {
				t.Errorf("%q %s %s: %d", token, r.method, r.path, res.StatusCode)
			}
		}
	}
}

func TestWithoutAWebhookThereAreNoDeadLetters(t *testing.T) {
	c := newHouse().api.Config
	c.Outbox = nil
	h := &house{clock: newClock(), api: New(c)}
	if res := h.do("GET", "/v1/outbox/dead", "operator/u-o", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("%d, want 404", res.StatusCode)
	}
}

func TestAWrongMethodIsToldTheRightOnes(t *testing.T) {
	h := newHouse()
	for _, c := range []struct {
		method, path, allow string
		status              int
	}{
		{"GET", "/v1/conversations", "POST", 405},
		{"PUT", "/v1/conversations", "POST", 405},
		{"DELETE", "/v1/interviews", "POST", 405},
		{"BREW", "/v1/revocations", "POST", 405},
		{"POST", "/v1/keys", "GET, HEAD", 405},
		{"POST", "/v1/interviews/i-1/recording", "GET, HEAD", 405},
		{"DELETE", "/v1/outbox/dead", "GET, HEAD", 405},
		{"GET", "/v1/outbox/dead/x/replay", "POST", 405},
		{"GET", "/v1/nowhere", "", 404},
		{"POST", "/v1/conversations/x", "", 404},
		{"GET", "/v1/", "", 404},
	} {
		for _, token := range []string{"", "service/backend"} { // which routes there are is no secret
			res := h.do(c.method, c.path, token, "")
			if got := res.Header.Get("Allow"); res.StatusCode != c.status || got != c.allow {
				t.Errorf("%s %s: %d, Allow %q; want %d, %q", c.method, c.path, res.StatusCode, got, c.status, c.allow)
			}
			if p := h.problem(t, res); p.Status != c.status || p.Title != http.StatusText(c.status) || p.Text["zh"] == "" {
				t.Errorf("%s %s: %+v", c.method, c.path, p)
			}
		}
	}
	if res := h.do("HEAD", "/v1/texts/interview-recording@1", "", ""); res.StatusCode != 200 {
		t.Errorf("HEAD where there is GET: %d", res.StatusCode)
	}
}
