package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// registry notes what it is asked; u-gone's account is closed.
type registry struct {
	*house
	fail error
}

func (r registry) answer(u identity.UserID) error {
	if u == "u-gone" {
		return policy.ErrGone
	}
	return r.fail
}

func (r registry) SettingsOf(_ context.Context, _ identity.Principal, u identity.UserID) (wire.Settings, error) {
	return wire.Settings{Receipts: true, Hide: wire.Hide{Companies: []string{"c-1"}}, Notices: map[string][]string{}, Reminders: []string{},
		Greetings: []string{}, Replies: []string{"好"}}, r.answer(u)
}

func (r registry) SetOf(ctx context.Context, p identity.Principal, u identity.UserID, f wire.SettingsSet) (wire.Settings, error) {
	raw, err := json.Marshal(f)
	r.note("set %s %s", u, raw)
	if err != nil {
		return wire.Settings{}, err
	}
	return r.SettingsOf(ctx, p, u)
}

func (r registry) Close(_ context.Context, _ identity.Principal, u identity.UserID) error {
	r.note("close %s", u)
	return r.answer(u)
}

func (r registry) BlocksOf(_ context.Context, _ identity.Principal, u identity.UserID) (wire.Blocks, error) {
	return wire.Blocks{Blocks: []wire.Blocked{{Company: "c-1", Conversation: "c"}}}, r.answer(u)
}

func (r registry) BlockOf(_ context.Context, _ identity.Principal, u identity.UserID, b wire.Blocked, off bool) error {
	r.note("block %s: %s%s %v", u, b.User, b.Company, off)
	return r.answer(u)
}

func (r registry) QuotaOf(_ context.Context, _ identity.Principal, u identity.UserID) (wire.Quota, error) {
	return wire.Quota{Limit: 100, Left: 7, Warn: true, Resets: r.clock.at}, r.answer(u)
}

func (r registry) LimitOf(ctx context.Context, p identity.Principal, u identity.UserID, limit *int) (wire.Quota, error) {
	if limit == nil {
		r.note("limit %s to the normal one", u)
	} else {
		r.note("limit %s to %d", u, *limit)
	}
	return r.QuotaOf(ctx, p, u)
}

func peopleHouse() *house {
	h := newHouse()
	cfg := h.api.Config
	cfg.People = registry{house: h}
	h.api = New(cfg)
	return h
}

const backend = "service/platform"

func TestThePlatformManagesAUser(t *testing.T) {
	audit := "audit people.manage user/u-1 by platform "
	for _, c := range []struct {
		method, path, body string
		status             int
		answer             string
		did                []string // the audit before the effect (A3)
	}{
		{"GET", "settings", "", 200, `"hide":{"companies":["c-1"]}`, nil},
		{"PUT", "settings", `{"receipts":false,"hide":{"everybody":true},"quiet":{"from":"22:00","to":"07:00"}}`, 200, `"replies":["好"]`,
			[]string{audit + "[what settings]", `set u-1 {"receipts":false,"hide":{"everybody":true},"quiet":{"from":"22:00","to":"07:00"}}`}},
		{"GET", "blocks", "", 200, `"blocks":[{"company":"c-1","conversation":"c"`, nil},
		{"POST", "blocks", `{"user":"u-2"}`, 204, "", []string{audit + "[what block user u-2 company ]", "block u-1: u-2 false"}},
		{"DELETE", "blocks?company=c-1", "", 204, "", []string{audit + "[what unblock user  company c-1]", "block u-1: c-1 true"}},
		{"GET", "quota", "", 200, `"limit":100,"left":7,"warn":true`, nil},
		{"PUT", "quota", `{"limit":0}`, 200, `"left":7`, []string{audit + "[what quota]", "limit u-1 to 0"}},
		{"PUT", "quota", `{}`, 200, `"left":7`, []string{audit + "[what quota]", "limit u-1 to the normal one"}},
		{"POST", "close", "", 204, "", []string{audit + "[what close]", "close u-1", "revoke u-1", "drop u-1"}},
	} {
		h := peopleHouse()
		res := h.do(c.method, "/v1/people/u-1/"+c.path, backend, c.body)
		raw, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != c.status || !strings.Contains(string(raw), c.answer) {
			t.Errorf("%s %s: %d %s, %v; want %d with %s", c.method, c.path, res.StatusCode, raw, err, c.status, c.answer)
		}
		if res.StatusCode == 200 && res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s may be cached", c.method, c.path)
		}
		if did := h.trace(); !slices.Equal(did, c.did) {
			t.Errorf("%s %s did %q, want %q", c.method, c.path, did, c.did)
		}
	}
}

var peopleRequests = []struct{ method, path, body string }{
	{"GET", "settings", ""}, {"PUT", "settings", `{}`}, {"GET", "blocks", ""}, {"POST", "blocks", `{"user":"u-2"}`},
	{"DELETE", "blocks?user=u-2", ""}, {"GET", "quota", ""}, {"PUT", "quota", `{}`}, {"POST", "close", ""},
}

func TestNobodyElseManagesAUser(t *testing.T) {
	for _, r := range peopleRequests {
		h := peopleHouse()
		for _, role := range identity.Roles {
			if role == identity.Service {
				continue
			}
			if res := h.do(r.method, "/v1/people/u-1/"+r.path, string(role)+"/u-1", r.body); res.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s as %s: %d", r.method, r.path, role, res.StatusCode)
			}
		}
		if res := h.do(r.method, "/v1/people/u-1/"+r.path, "", r.body); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s %s as nobody: %d", r.method, r.path, res.StatusCode)
		}
		if did := h.trace(); len(did) > 0 {
			t.Errorf("%s %s did %q", r.method, r.path, did)
		}
	}
}

func TestAUserWhoseAccountIsClosedIsGone(t *testing.T) {
	h := peopleHouse()
	for _, r := range peopleRequests {
		res := h.do(r.method, "/v1/people/u-gone/"+r.path, backend, r.body)
		if p := h.problem(t, res); p.ID != "gone" {
			t.Errorf("%s %s: %s", r.method, r.path, p.ID)
		}
	}
}

// What could not be written down is not done (A3).
func TestNothingIsDoneForAUserWithoutTheAudit(t *testing.T) {
	for _, r := range peopleRequests {
		if r.method == "GET" {
			continue
		}
		h := peopleHouse()
		h.failAudit = errors.New("the audit log is away")
		if res := h.do(r.method, "/v1/people/u-1/"+r.path, backend, r.body); res.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s %s: %d", r.method, r.path, res.StatusCode)
		}
		if did := h.trace(); len(did) != 1 || !strings.HasPrefix(did[0], "audit ") {
			t.Errorf("%s %s did %q", r.method, r.path, did)
		}
	}
}

func TestRequestsAboutPeopleAreChecked(t *testing.T) {
	h := peopleHouse()
	for _, r := range []struct{ method, path, body string }{
		{"POST", "u-1/blocks", `{}`}, {"POST", "u-1/blocks", `{"user":"u-2","company":"c-1"}`}, {"DELETE", "u-1/blocks", ""},
		{"PUT", "u-1/quota", `{"limit":-1}`}, {"PUT", "u-1/quota", `{"limit":100001}`}, {"PUT", "u-1/settings", `{"unknown":1}`},
		{"PUT", "u-1/quota", `{"limit":1,"unknown":1}`}, {"POST", "u-1/blocks", `{"user":"u-2","unknown":1}`}, {"PUT", "u-1/settings", `{"receipts":"yes"}`}, {"GET", strings.Repeat("u", 129) + "/settings", ""},
	} {
		res := h.do(r.method, "/v1/people/"+r.path, backend, r.body)
		if p := h.problem(t, res); p.ID != "bad_request" {
			t.Errorf("%s %s %s: %d %s", r.method, r.path, r.body, res.StatusCode, p.ID)
		}
	}
	if did := h.trace(); len(did) > 0 {
		t.Errorf("did %q", did)
	}
}

// A failure in the middle of closing leaves the rest to the repeat.
func TestClosingStopsWhereItFails(t *testing.T) {
	h := peopleHouse()
	cfg := h.api.Config
	cfg.People = registry{house: h, fail: errors.New("the vault is away")}
	h.api = New(cfg)
	if res := h.do("POST", "/v1/people/u-1/close", backend, ""); res.StatusCode != http.StatusInternalServerError {
		t.Errorf("%d", res.StatusCode)
	}
	if did := h.trace(); !reflect.DeepEqual(did[1:], []string{"close u-1"}) {
		t.Errorf("did %q", did)
	}
}

func TestWithoutPeopleTheirRoutesAreNotThere(t *testing.T) {
	h := newHouse()
	if h.api.People != nil {
		t.Skip("the house has people")
	}
	for _, r := range peopleRequests {
		if res := h.do(r.method, "/v1/people/u-1/"+r.path, backend, r.body); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s %s: %d", r.method, r.path, res.StatusCode)
		}
	}
}
