package moderation_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/moderation"
	"parley/internal/outbox"
	"parley/internal/policy"
)

// asked is a webhook: what it was asked stands in body, what it answers in answer.
type asked struct {
	*httptest.Server
	answer atomic.Value // of string; empty: none at all
	body   atomic.Value
	signed atomic.Bool
	times  atomic.Int64
}

func newAsked(t *testing.T) *asked {
	a := &asked{}
	a.answer.Store(`{"action":"allow"}`)
	gone := make(chan struct{})
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		a.times.Add(1)
		a.body.Store(string(raw))
		header := r.Header.Get(outbox.SignatureHeader)
		stamp, _, _ := strings.Cut(strings.TrimPrefix(header, "t="), ",")
		seconds, err := strconv.ParseInt(stamp, 10, 64)
		a.signed.Store(err == nil && header == outbox.Sign(time.Unix(seconds, 0), raw, []outbox.Secret{secret}))
		switch answer := a.answer.Load().(string); answer {
		case "":
			select {
			case <-r.Context().Done():
			case <-gone:
			}
		case "503":
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = io.WriteString(w, answer)
		}
	}))
	t.Cleanup(func() { close(gone); a.Close() })
	return a
}

func (a *asked) world(t *testing.T, onTimeout string) *world {
	t.Helper()
	w := newWorld(t, moderation.Config{Rules: rules(t, "veto: {url: "+a.URL+", secret: "+secret+", timeout: 300ms, on_timeout: "+onTimeout+"}\n")})
	return w
}

func TestAWebhookMayVetoBeforeAnythingIsStored(t *testing.T) {
	hook := newAsked(t)
	w := hook.world(t, "refuse")
	for _, c := range []struct {
		answer    string
		confirmed bool
		want      *policy.Refusal
	}{
		{`{"action":"allow"}`, false, nil},
		{`{"action":"refuse"}`, true, policy.ErrContent},
		{`{"action":"confirm"}`, false, policy.ErrConfirm},
		{`{"action":"confirm"}`, true, nil},
		{`{"action":"mask"}`, false, policy.ErrContent}, // no answer that it may give
		{`nonsense`, false, policy.ErrContent},
		{`503`, false, policy.ErrContent},
	} {
		hook.answer.Store(c.answer)
		before := len(w.Log(rob, w.direct))
		d := chattest.Drafted(t, w.direct, chat.TypeText, text("今天有空吗"))
		d.Confirmed = c.confirmed
		_, err := w.Send(t.Context(), ann, d)
		if c.want == nil && err != nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.answer, err, c.want)
		}
		if stored := len(w.Log(rob, w.direct)) - before; (stored == 1) != (c.want == nil) {
			t.Errorf("%s: %d entries were stored", c.answer, stored)
		}
	}
	if !hook.signed.Load() {
		t.Error("the question was not signed")
	}
	var q struct {
		Conversation, Sender, Role, CID, Type string
		To                                    []string
		Content                               struct{ Text string }
	}
	if err := json.Unmarshal([]byte(hook.body.Load().(string)), &q); err != nil || q.Conversation != string(w.direct) || q.Sender != "u-ann" ||
		q.Role != "candidate" || q.Type != "text" || q.CID == "" || q.Content.Text != "今天有空吗" || len(q.To) != 1 || q.To[0] != "recruiter" {
		t.Errorf("asked %s", hook.body.Load())
	}
}

func TestAVetoTellsWhyInItsOwnWords(t *testing.T) {
	hook := newAsked(t)
	w := hook.world(t, "allow")
	hook.answer.Store(`{"action":"refuse","text":{"en":"No.","zh":"不行。"}}`)
	_, err := w.says(ann, w.direct, "hi")
	var r *policy.Refusal
	if !errors.As(err, &r) || r.ID != policy.ErrContent.ID || r.En != "No." || r.Zh != "不行。" {
		t.Errorf("%v", err)
	}
	hook.answer.Store(`{"action":"refuse","text":{"en":"` + strings.Repeat("x", 501) + `","zh":"不行。"}}`)
	if _, err = w.says(ann, w.direct, "hi"); !errors.As(err, &r) || r.En != policy.ErrContent.En {
		t.Errorf("a long text: %v", err)
	}
}

func TestWhatIsMaskedReachesNoWebhook(t *testing.T) { // A6, T6
	hook := newAsked(t)
	w := hook.world(t, "refuse")
	if got, err := w.says(ann, w.hunted, "电话 13812345678"); err != nil || got != "电话 ***" {
		t.Fatal(got, err)
	}
	if body := hook.body.Load().(string); strings.Contains(body, "13812345678") || !strings.Contains(body, "***") {
		t.Errorf("asked %s", body)
	}
}

func TestAWebhookThatDoesNotAnswerIsLeftAloneForAWhile(t *testing.T) {
	for onTimeout, want := range map[string]error{"allow": nil, "refuse": policy.ErrContent} {
		hook := newAsked(t)
		w := hook.world(t, onTimeout)
		hook.answer.Store("")
		for range 7 {
			if _, err := w.says(ann, w.direct, "hi"); !errors.Is(err, want) {
				t.Errorf("%s: %v", onTimeout, err)
			}
		}
		if n := hook.times.Load(); n != 5 {
			t.Errorf("%s: asked %d times, want 5 and then not for a while", onTimeout, n)
		}
		hook.answer.Store(`{"action":"allow"}`)
		w.clock.Advance(5 * time.Second)
		if _, err := w.says(ann, w.direct, "hi"); err != nil || hook.times.Load() != 6 {
			t.Errorf("%s, later: %v after %d times", onTimeout, err, hook.times.Load())
		}
	}
}

func TestAVetoNeverShowsItsSecret(t *testing.T) {
	v := moderation.Veto{URL: "https://mod.example/secret-path", Secret: secret}
	for _, shown := range []string{v.String(), v.GoString()} {
		if strings.Contains(shown, "secret-path") || strings.Contains(shown, secret) {
			t.Errorf("shows %s", shown)
		}
	}
}
