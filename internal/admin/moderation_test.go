package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"parley/chat/moderation"
	"parley/internal/chain"
	"parley/internal/identity"
	"parley/internal/policy"
)

// bench is where moderators sit: it notes what it is asked.
type bench struct{ *house }

func (b bench) Standing() moderation.Standing {
	return moderation.Standing{
		File: true, Contacts: map[string]map[string]string{"to": {"headhunter": "mask"}},
		Lists: []moderation.ListStanding{{Name: "abuse", Words: 2, To: map[string]string{"candidate": "refuse"}}},
		Fault: &moderation.RulesFault{Since: b.clock.at, Err: errors.New("rules file rules.yaml: line 3: wrong")},
	}
}

func (b bench) Silence(_ context.Context, _ identity.Principal, q moderation.Silence) error {
	b.note("silence %s %s until %v", q.User, q.Kind, q.Until.Unix())
	return nil
}

func (b bench) Lift(_ context.Context, _ identity.Principal, u identity.UserID) error {
	b.note("lift %s", u)
	if u == "u-free" {
		return policy.ErrNotFound
	}
	return nil
}

func (b bench) Silenced(_ context.Context, _ identity.Principal, after identity.UserID, limit int) ([]moderation.Silence, error) {
	all := []moderation.Silence{{User: "u-1", Kind: moderation.Mute, Until: b.clock.at, Reason: "广告", Set: b.clock.at}, {User: "u-2", Kind: moderation.Ban}}
	all = slices.DeleteFunc(all, func(q moderation.Silence) bool { return q.User <= after })
	return all[:min(limit, len(all))], nil
}

func (b bench) report() moderation.Report {
	return moderation.Report{
		ID: "rp-1", Conversation: "c-1", Reporter: "u-2", Reason: "fraud", Filed: b.clock.at,
	}
}

func (b bench) Reports(_ context.Context, _ identity.Principal, o moderation.Outcome, after moderation.ReportID, limit int) ([]moderation.Report, error) {
	b.note("reports %q after %q at most %d", o, after, limit)
	return []moderation.Report{b.report()}, nil
}

func (b bench) Filed(_ context.Context, _ identity.Principal, id moderation.ReportID) (moderation.Report, error) {
	b.note("read %s", id)
	r := b.report()
	if id != r.ID {
		return moderation.Report{}, policy.ErrNotFound
	}
	r.Note, r.Entries = "要求先交押金", []moderation.Exhibit{{Seq: 7, Sender: "u-1", Digest: chain.Hash{0xab}}}
	return r, nil
}

func (b bench) Close(_ context.Context, _ identity.Principal, id moderation.ReportID, o moderation.Outcome) error {
	b.note("close %s %s", id, o)
	return nil
}

func benchHouse() *house {
	h := newHouse()
	cfg := h.api.Config
	cfg.Moderation = bench{h}
	h.api = New(cfg)
	return h
}

func TestModeratorsModerate(t *testing.T) {
	audit := "audit moderate "
	for _, c := range []struct {
		method, path, body string
		status             int
		answer             []string
		did                []string // the audit before the effect (A3)
	}{
		{"GET", "rules", "", 200, []string{`"file":true`, "line 3", `"words":2`, `"headhunter":"mask"`}, nil},
		{"GET", "silences?limit=1", "", 200, []string{`"user":"u-1"`, `"reason":"广告"`, `"next":"u-1"`}, nil},
		{"GET", "silences?after=u-1", "", 200, []string{`[{"user":"u-2","kind":"ban","reason":""`}, nil},
		{"PUT", "silences/u-1", `{"kind":"mute","until":"2026-03-09T09:30:00Z","reason":"广告"}`, 204, nil,
			[]string{audit + "user/u-1 by u-o [what mute reason 广告]", "silence u-1 mute until 1773048600"}},
		{"PUT", "silences/u-1", `{"kind":"ban","reason":"x"}`, 204, nil, []string{audit + "user/u-1 by u-o [what ban reason x]", "silence u-1 ban until -62135596800"}},
		{"DELETE", "silences/u-1", "", 204, nil, []string{audit + "user/u-1 by u-o [what lift]", "lift u-1"}},
		{"DELETE", "silences/u-free", "", 404, nil, []string{audit + "user/u-free by u-o [what lift]", "lift u-free"}},
		{"GET", "reports", "", 200, []string{`"id":"rp-1"`}, []string{`reports "" after "" at most 100`}},
		{"GET", "reports?outcome=upheld&after=rp-0&limit=1", "", 200, []string{`"next":"rp-1"`}, []string{`reports "upheld" after "rp-0" at most 1`}},
		{"GET", "reports/rp-1", "", 200, []string{`"note":"要求先交押金"`, `"seq":7`, `"digest":"ab00`}, []string{audit + "report/rp-1 by u-o [what read]", "read rp-1"}},
		{"GET", "reports/rp-2", "", 404, nil, []string{audit + "report/rp-2 by u-o [what read]", "read rp-2"}},
		{"POST", "reports/rp-1/close", `{"outcome":"upheld","reason":"clear"}`, 204, nil, []string{audit + "report/rp-1 by u-o [what upheld reason clear]", "close rp-1 upheld"}},
	} {
		h := benchHouse()
		res := h.do(c.method, "/v1/moderation/"+c.path, "operator/u-o", c.body)
		raw, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != c.status || slices.ContainsFunc(c.answer, func(part string) bool { return !strings.Contains(string(raw), part) }) {
			t.Errorf("%s %s: %d %s, %v; want %d with %q", c.method, c.path, res.StatusCode, raw, err, c.status, c.answer)
		}
		if c.status == 200 && res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s may be cached", c.method, c.path)
		}
		if did := h.trace(); !slices.Equal(did, c.did) {
			t.Errorf("%s %s did %q, want %q", c.method, c.path, did, c.did)
		}
	}
}

var moderationRequests = []struct{ method, path, body string }{
	{"GET", "rules", ""}, {"GET", "silences", ""}, {"PUT", "silences/u-1", `{"kind":"mute","reason":"x"}`}, {"DELETE", "silences/u-1", ""},
	{"GET", "reports", ""}, {"GET", "reports/rp-1", ""}, {"POST", "reports/rp-1/close", `{"outcome":"upheld"}`},
}

func TestNobodyElseModerates(t *testing.T) {
	for _, r := range moderationRequests {
		h := benchHouse()
		for _, role := range identity.Roles {
			may := role == identity.Operator || role == identity.Service
			res := h.do(r.method, "/v1/moderation/"+r.path, string(role)+"/u-1", r.body)
			if (res.StatusCode == http.StatusForbidden) == may {
				t.Errorf("%s %s as %s: %d", r.method, r.path, role, res.StatusCode)
			}
		}
		if res := h.do(r.method, "/v1/moderation/"+r.path, "", r.body); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s %s as nobody: %d", r.method, r.path, res.StatusCode)
		}
	}
}

// What could not be written down is not done (A3).
func TestNothingIsModeratedWithoutTheAudit(t *testing.T) {
	for _, r := range moderationRequests {
		h := benchHouse()
		h.failAudit = errors.New("the audit log is away")
		res := h.do(r.method, "/v1/moderation/"+r.path, "operator/u-o", r.body)
		audited := r.method != "GET" || r.path == "reports/rp-1"
		if did := h.trace(); audited && (res.StatusCode != 500 || len(did) != 1 || !strings.HasPrefix(did[0], "audit ")) {
			t.Errorf("%s %s: %d, did %q", r.method, r.path, res.StatusCode, did)
		}
	}
}

func TestRequestsOfModeratorsAreChecked(t *testing.T) {
	h := benchHouse()
	for _, r := range []struct{ method, path, body string }{
		{"PUT", "silences/u-1", `{"kind":"shout","reason":"x"}`}, {"PUT", "silences/u-1", `{"kind":"mute"}`}, {"PUT", "silences/u-1", `{"kind":"mute","reason":""}`},
		{"PUT", "silences/" + strings.Repeat("u", 129), `{"kind":"mute","reason":"x"}`}, {"GET", "silences?limit=0", ""}, {"GET", "reports?outcome=none", ""},
		{"POST", "reports/rp-1/close", `{"outcome":"upheld","unknown":1}`}, {"POST", "reports/rp-1/close", `{}`},
	} {
		res := h.do(r.method, "/v1/moderation/"+r.path, "operator/u-o", r.body)
		if p := h.problem(t, res); p.ID != "bad_request" {
			t.Errorf("%s %s %s: %d %s", r.method, r.path, r.body, res.StatusCode, p.ID)
		}
	}
	if did := h.trace(); len(did) > 0 {
		t.Errorf("did %q", did)
	}
}

func TestWithoutModerationItsRoutesAreNotThere(t *testing.T) {
	h := newHouse()
	for _, r := range moderationRequests {
		if res := h.do(r.method, "/v1/moderation/"+r.path, "operator/u-o", r.body); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s %s: %d", r.method, r.path, res.StatusCode)
		}
	}
}
