package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/internal/chain"
	"parley/internal/policy"
)

// scriptorium knows one conversation, c-1, and two trees.
type scriptorium struct {
	*house
	fail error
}

func (s scriptorium) Sealed(_ context.Context, id chat.ConversationID) (uint64, error) {
	if id != "c-1" {
		return 0, policy.ErrNotFound
	}
	s.note("seal %s", id)
	return 12, nil
}

func (s scriptorium) Export(_ context.Context, id chat.ConversationID, w io.Writer) error {
	s.note("export %s", id)
	if s.fail != nil {
		return s.fail
	}
	_, err := io.WriteString(w, "PK")
	if err == nil && s.during != nil {
		s.during()
		_, err = io.WriteString(w, "the rest")
	}
	return err
}

func (s scriptorium) Trees(_ context.Context, after uint64, limit int) ([]chain.SignedTree, error) {
	s.note("trees after %d, %d", after, limit)
	var list []chain.SignedTree
	for n := after + 1; n <= 2; n++ {
		list = append(list, chain.SignedTree{Tree: chain.Tree{Number: n, Leaves: 1, Time: time.Unix(int64(n), 0).UTC()}, Key: "k", Signature: []byte{1}})
	}
	return list, nil
}

// withTranscripts is a house that has them.
func withTranscripts(fail error) *house {
	h := newHouse()
	h.api.Config.Transcripts = scriptorium{h, fail}
	h.api = New(h.api.Config)
	return h
}

const transcriptPathOf = "/v1/conversations/c-1/transcript"

func TestATranscriptIsForThePlatformAlone(t *testing.T) {
	h := withTranscripts(nil)
	for token, want := range map[string]int{
		"service/s": 200, "candidate/u-c": 403, "recruiter/u-r": 403, "support/u-s": 403, "operator/o": 403, "approver/a": 403, "": 401, "nonsense": 401,
	} {
		for _, path := range []string{transcriptPathOf, "/v1/trees"} {
			if res := h.do("GET", path, token, ""); res.StatusCode != want {
				t.Errorf("%s as %q: %d, want %d", path, token, res.StatusCode, want)
			}
		}
	}
	if res := h.do("GET", "/v1/conversations/c-2/transcript", "service/s", ""); res.StatusCode != 404 {
		t.Errorf("of what does not exist: %d", res.StatusCode)
	}
	if res := newHouse().do("GET", transcriptPathOf, "service/s", ""); res.StatusCode != 404 {
		t.Errorf("where there are none: %d", res.StatusCode)
	}
}

func TestATranscriptIsWrittenDownBeforeItsFirstByte(t *testing.T) {
	h := withTranscripts(nil)
	res := h.do("GET", transcriptPathOf, "service/s", "")
	body, _ := io.ReadAll(res.Body)
	if string(body) != "PK" || res.Header.Get("Content-Type") != "application/zip" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%q, %v", body, res.Header)
	}
	want := []string{"seal c-1", "audit transcript.export conversation/c-1 by s [entries 12]", "export c-1"}
	if did := h.trace(); !slices.Equal(did, want) {
		t.Errorf("did %q, want %q (A3)", did, want)
	}
	h.failAudit, h.did = errors.New("disk full"), nil
	if res := h.do("GET", transcriptPathOf, "service/s", ""); res.StatusCode != 500 || slices.Contains(h.trace(), "export c-1") {
		t.Errorf("without an audit entry: %d, %q (A3)", res.StatusCode, h.trace())
	}
}

func TestATranscriptThatFailsIsAnErrorOrABrokenTransfer(t *testing.T) {
	h := withTranscripts(policy.ErrUnavailable)
	res := h.do("GET", transcriptPathOf, "service/s", "")
	if p := h.problem(t, res); res.StatusCode != 503 || p.ID != "unavailable" || res.Header.Get("Content-Disposition") != "" {
		t.Errorf("%d %+v", res.StatusCode, p)
	}
	h = withTranscripts(nil)
	h.during = func() { h.do("POST", "/v1/revocations", "operator/u-o", `{"token":"t-s"}`) } // while it is sent (T7)
	h.api.Transcripts = scriptorium{h, nil}
	r := httptest.NewRequest("GET", transcriptPathOf, nil)
	r.Header.Set("Authorization", "Bearer service/s")
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if got := recover(); got != http.ErrAbortHandler {
				t.Errorf("it went on: %v", got)
			}
		}()
		h.api.ServeHTTP(w, r)
	}()
	if strings.Contains(w.Body.String(), "rest") {
		t.Errorf("sent %q after the revocation", w.Body.String())
	}
}

func TestTreesAreLinesThatAWitnessCanAppend(t *testing.T) {
	h := withTranscripts(nil)
	for query, want := range map[string]int{"": 2, "?after=1": 1, "?after=2&limit=5": 0} {
		res := h.do("GET", "/v1/trees"+query, "service/s", "")
		body, _ := io.ReadAll(res.Body)
		lines := strings.SplitAfter(string(body), "\n")
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != jsonLines || len(lines)-1 != want {
			t.Errorf("%q: %d, %v, %q", query, res.StatusCode, res.Header, body)
		}
		for _, line := range lines[:len(lines)-1] {
			if _, err := chain.ParseTree([]byte(strings.TrimSuffix(line, "\n"))); err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
	}
	for _, bad := range []string{"?limit=0", "?limit=1001", "?after=-1"} {
		if res := h.do("GET", "/v1/trees"+bad, "service/s", ""); res.StatusCode != 400 {
			t.Errorf("%q: %d", bad, res.StatusCode)
		}
	}
	if did := h.trace(); !slices.Contains(did, "trees after 2, 5") {
		t.Errorf("did %q", did)
	}
}
