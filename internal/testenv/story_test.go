package testenv_test

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/internal/admin"
	"parley/internal/testenv"
	"parley/recording"
	"parley/signal/client"
	"parley/signal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pushes keeps what a session was pushed.
type pushes struct {
	mu  sync.Mutex
	all []wire.Body
}

func (p *pushes) add(b wire.Body) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, b)
}

// last is the last push of a kind that fits, or nothing.
func last[T wire.Body](p *pushes, fits func(T) bool) (T, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.all) - 1; i >= 0; i-- {
		if b, ok := p.all[i].(T); ok && fits(b) {
			return b, true
		}
	}
	var none T
	return none, false
}

// eventually polls until ok says so.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not happen in time", what)
		}
	}
}

// side is one person in the story.
type side struct {
	*testenv.Actor
	env     *testenv.Env
	session *client.Session
	pushed  *pushes
}

func sitDown(t *testing.T, env *testenv.Env, seat string) side {
	p := &pushes{}
	a := env.As(seat)
	return side{a, env, a.Dial(t.Context(), client.Options{Device: seat, Push: p.add}), p}
}

func (s side) ask(t *testing.T, b wire.Body) wire.Body {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	answer, err := s.session.Do(ctx, b)
	if err != nil {
		t.Fatalf("%s as %s: %v", b.Kind(), s.Role, err)
	}
	return answer
}

func (s side) join(t *testing.T, interview, notice string) *client.Call {
	t.Helper()
	s.ask(t, wire.InterviewConsent{Interview: interview, Version: notice, Agree: true})
	c, err := s.session.Join(t.Context(), interview, client.CallOptions{Audio: true, Video: true})
	if err != nil {
		t.Fatalf("join as %s: %v", s.Role, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (s side) view(t *testing.T, id string) wire.Interview {
	t.Helper()
	var state wire.InterviewState
	eventually(t, "the interview's state", func() (ok bool) {
		state, ok = last(s.pushed, func(b wire.InterviewState) bool { return b.ID == id })
		return ok
	})
	return state.Interview
}

// TestStory is the main job: a chat, an interview that is recorded, and the recording afterwards.
func TestStory(t *testing.T) {
	env := testenv.New(t)
	conversation := env.Open("k-1", "高级前端工程师", "recruiter", "candidate")
	recruiter, candidate := sitDown(t, env, "recruiter"), sitDown(t, env, "candidate")

	theyChat(t, conversation, recruiter, candidate)
	opened, ok := recruiter.ask(t, wire.InterviewOpen{Conversation: conversation}).(wire.InterviewState)
	if !ok || opened.State != "open" || opened.Recording {
		t.Fatalf("opened %+v", opened)
	}
	if told := candidate.view(t, opened.ID); told.State != "open" {
		t.Errorf("the candidate is told of state %q", told.State)
	}
	theySeeEachOther(t, opened.Interview, recruiter, candidate)
	recruiter.ask(t, wire.InterviewEnd{Interview: opened.ID})
	shown := theRecordingStands(t, opened.ID, candidate)
	theBundleVerifies(t, candidate, shown)
	nobodyElseGetsAtIt(t, env, opened.ID, shown)
	theLogSaysNothingOfThem(t, env, recruiter, candidate)
}

func theyChat(t *testing.T, conversation string, recruiter, candidate side) {
	t.Helper()
	for _, m := range recruiter.session.Welcome().Conversations[0].Members {
		if m.User == string(candidate.ID) && (m.Name != "李**" || !m.Masked) {
			t.Errorf("the recruiter sees %q, masked %v (T2)", m.Name, m.Masked)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ack, err := candidate.session.Send(ctx, conversation, "您好，我想应聘")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message", func() bool {
		_, ok := last(recruiter.pushed, func(b wire.ChatEntry) bool { return b.Seq == ack.Seq })
		return ok
	})
	recruiter.ask(t, wire.ChatMark{Conversation: conversation, Delivered: ack.Seq, Read: ack.Seq})
	eventually(t, "the read mark", func() bool {
		_, ok := last(candidate.pushed, func(b wire.ChatCursor) bool { return b.User == string(recruiter.ID) && b.Read == ack.Seq })
		return ok
	})
}

func theySeeEachOther(t *testing.T, i wire.Interview, recruiter, candidate side) {
	t.Helper()
	a, b := recruiter.join(t, i.ID, i.Notice), candidate.join(t, i.ID, i.Notice)
	for _, pair := range []struct {
		call *client.Call
		of   side
	}{{a, candidate}, {b, recruiter}} {
		eventually(t, "picture and sound", func() bool {
			got := pair.call.Received()
			return got[client.Key{User: string(pair.of.ID), Label: "camera"}].Frames > 30 &&
				got[client.Key{User: string(pair.of.ID), Label: "microphone"}].Packets > 50
		})
	}
	for _, s := range []side{recruiter, candidate} {
		if v := s.view(t, i.ID); v.State != "live" || !v.Recording {
			t.Errorf("%s sees state %q, recording %v", s.Role, v.State, v.Recording)
		}
	}
}

func theRecordingStands(t *testing.T, interview string, candidate side) admin.InterviewRecording {
	t.Helper()
	var receipt wire.InterviewReceipt
	eventually(t, "the receipt", func() (ok bool) {
		receipt, ok = last(candidate.pushed, func(b wire.InterviewReceipt) bool { return b.Interview == interview })
		return ok
	})
	var shown admin.InterviewRecording
	candidate.JSON(http.MethodGet, "/v1/interviews/"+interview+"/recording", nil, &shown)
	if len(shown.Parts) != 1 || shown.Parts[0].State != "sealed" || len(shown.Parts[0].Sides) != 2 {
		t.Fatalf("recording %+v", shown)
	}
	part := shown.Parts[0]
	if part.Head == nil || len(receipt.Heads) != 1 || part.Head.Head != receipt.Heads[0].Head {
		t.Errorf("head %+v is not that of the receipt %+v", part.Head, receipt.Heads)
	}
	for _, s := range part.Sides {
		if len(s.Tracks) != 2 || s.Duration < 2000 {
			t.Errorf("side %+v lacks something", s)
		}
		itPlays(t, candidate, s.URL)
	}
	return shown
}

// itPlays reads the file in ranges, as a video element does.
func itPlays(t *testing.T, a side, url string) {
	t.Helper()
	whole := read(t, a, url, http.StatusOK)
	if !bytes.HasPrefix(whole, []byte{0x1a, 0x45, 0xdf, 0xa3}) { // EBML
		t.Fatalf("%d bytes that are no WebM", len(whole))
	}
	if part := read(t, a, url, http.StatusPartialContent, "Range", "bytes=100-199"); !bytes.Equal(part, whole[100:200]) {
		t.Error("a range is not that part of the file")
	}
}

func read(t *testing.T, a side, url string, want int, header ...string) []byte {
	t.Helper()
	res := a.Do(http.MethodGet, url, nil, header...)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != want {
		t.Fatalf("GET %s: %d, %v", url, res.StatusCode, err)
	}
	return b
}

func theBundleVerifies(t *testing.T, a side, shown admin.InterviewRecording) {
	t.Helper()
	part := shown.Parts[0]
	b := read(t, a, "/v1/recordings/"+part.Recording+"/bundle", http.StatusOK)
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var held struct{ Keys []admin.SigningKey }
	a.JSON(http.MethodGet, "/v1/keys", nil, &held)
	report, err := recording.Verify(z, held.Keys[0].Public, *part.Head)
	if err != nil || !report.Intact() || report.SelfAttested() {
		t.Errorf("report %+v, %v", report, err)
	}
}

func nobodyElseGetsAtIt(t *testing.T, env *testenv.Env, interview string, shown admin.InterviewRecording) {
	t.Helper()
	for seat, want := range map[string]int{
		"headhunter": http.StatusNotFound, "host": http.StatusNotFound, // were not invited
		"support": http.StatusForbidden, "operator": http.StatusForbidden, "service": http.StatusForbidden, // A1
	} {
		for _, path := range []string{"/v1/interviews/" + interview + "/recording", "/v1/recordings/" + shown.Parts[0].Recording + "/bundle"} {
			res := env.As(seat).Do(http.MethodGet, path, nil)
			res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%s gets %d, want %d", seat, res.StatusCode, want)
			}
		}
	}
}

func theLogSaysNothingOfThem(t *testing.T, env *testenv.Env, sides ...side) {
	t.Helper()
	log := env.Logs()
	if !strings.Contains(log, "/v1/playback/{grant}") {
		t.Error("the log does not hold what it should: the search proves nothing")
	}
	for _, s := range sides {
		for _, secret := range []string{string(s.ID), s.FullName(), s.Given, "您好", "candidate:", "a=ice"} {
			if strings.Contains(log, secret) {
				t.Errorf("the log holds %q", secret)
			}
		}
	}
}
