package admin

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"parley/internal/identity"
	"parley/internal/notice"
)

// teller notes what it is to send; u-quiet wants nothing but mail, later.
type teller struct{ *house }

func (s teller) Send(_ context.Context, _ identity.Principal, n notice.Notice) (notice.Decision, error) {
	s.note("send %s to %s: %s by %v", n.ID, n.User, n.Class, n.Channels)
	if n.User == "u-quiet" {
		return notice.Decision{Channels: []string{"mail"}, Refused: []string{"push"}, Until: s.clock.at}, nil
	}
	return notice.Decision{Channels: n.Channels}, nil
}

func tellerHouse() *house {
	h := newHouse()
	cfg := h.api.Config
	cfg.Notices = teller{h}
	h.api = New(cfg)
	return h
}

func TestThePlatformAsksBeforeItSendsANotice(t *testing.T) { // T10
	h := tellerHouse()
	for user, want := range map[string]string{
		"u-1": `"channels":["push","mail"],"refused":[]}`, "u-quiet": `"channels":["mail"],"refused":["push"],"until":"`,
	} {
		res := h.do("POST", "/v1/notices", backend, `{"id":"n-1","user":"`+user+`","class":"marketing","channels":["push","mail"]}`)
		raw, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusAccepted || !strings.Contains(string(raw), want) {
			t.Errorf("%s: %d %s, %v; want %s", user, res.StatusCode, raw, err, want)
		}
	}
	did := h.trace()
	if slices.Sort(did); did[0] != "send n-1 to u-1: marketing by [push mail]" {
		t.Errorf("did %q", did)
	}
}

func TestNoticesThatMakeNoSenseAreRefused(t *testing.T) {
	h := tellerHouse()
	for _, body := range []string{
		`{}`, `{"id":"","user":"u","class":"service","channels":["push"]}`, `{"id":"n","user":"u","class":"spam","channels":["push"]}`,
		`{"id":"n","user":"u","class":"service","channels":[]}`, `{"id":"n","user":"u","class":"service","channels":["fax"]}`,
		`{"id":"n","user":"u","class":"service","channels":["push","push"]}`, `{"id":"n","user":"u","class":"service","channels":["push"],"unknown":1}`,
	} {
		res := h.do("POST", "/v1/notices", backend, body)
		if p := h.problem(t, res); p.ID != "bad_request" {
			t.Errorf("%s: %d %s", body, res.StatusCode, p.ID)
		}
	}
	for _, role := range identity.Roles {
		res := h.do("POST", "/v1/notices", string(role)+"/u", `{"id":"n","user":"u","class":"service","channels":["push"]}`)
		if (res.StatusCode == http.StatusForbidden) == (role == identity.Service) {
			t.Errorf("%s: %d", role, res.StatusCode)
		}
	}
	if res := newHouse().do("POST", "/v1/notices", backend, `{}`); res.StatusCode != http.StatusNotFound {
		t.Errorf("without a webhook: %d", res.StatusCode)
	}
}
