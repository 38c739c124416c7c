package testenv_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/testenv"
	"parley/signal/client"
	"parley/signal/wire"
)

// wiretap passes connections on to the server and keeps what it sends.
type wiretap struct {
	net.Listener
	work sync.WaitGroup

	mu    sync.Mutex
	heard bytes.Buffer
}

func tap(t *testing.T, env *testenv.Env) *wiretap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wiretap{Listener: l}
	server := strings.TrimPrefix(env.URL(), "http://")
	w.work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.work.Go(func() { w.pass(c, server) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); w.work.Wait() })
	return w
}

func (w *wiretap) pass(c net.Conn, server string) {
	defer c.Close()
	s, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer s.Close()
	w.work.Go(func() { _, _ = io.Copy(s, c); _ = s.Close() })
	_, _ = io.Copy(io.MultiWriter(w, c), s) // heard before it is passed on
}

// Write keeps what the server sent.
func (w *wiretap) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard.Write(b)
}

func (w *wiretap) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard.String()
}

// TestNothingSentToTheRecruiterNamesTheCandidate looks at every byte that the server sends to the recruiter: frames, SDP
// and answers (T2). Server frames are not masked, so what is looked for would stand there as it is.
func TestNothingSentToTheRecruiterNamesTheCandidate(t *testing.T) {
	env := testenv.New(t)
	conversation := env.Open("k-1", "高级前端工程师", "recruiter", "candidate")
	w := tap(t, env)
	candidate := sitDown(t, env, "candidate")
	actor, pushed := env.As("recruiter"), &pushes{}
	url := "http://" + w.Addr().String()
	session, err := client.Dial(t.Context(), url+"/v1/ws", actor.Token(), client.Options{Device: "recruiter", Push: pushed.add})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	recruiter := side{actor, env, session, pushed}

	opened := recruiter.ask(t, wire.InterviewOpen{Conversation: conversation}).(wire.InterviewState)
	theySeeEachOther(t, opened.Interview, recruiter, candidate)
	candidate.ask(t, wire.InterviewEnd{Interview: opened.ID})
	shown := theRecordingStands(t, opened.ID, candidate)
	for _, path := range []string{"/v1/interviews/" + opened.ID + "/recording", "/v1/recordings/" + shown.Parts[0].Recording + "/bundle"} {
		fetch(t, url+path, actor.Token())
	}

	heard := w.String()
	for _, name := range []string{candidate.FullName(), candidate.Given} {
		if strings.Contains(heard, name) {
			t.Errorf("%q was sent to the recruiter", name)
		}
	}
	for _, control := range []string{"李**", "interview.state", "a=ice-ufrag", "interview.receipt", `"parts"`, "manifest"} {
		if !strings.Contains(heard, control) {
			t.Errorf("%q was not sent: the search proves nothing", control)
		}
	}
	candidate.ask(t, wire.ChatDisclose{Conversation: conversation})
	eventually(t, "the name, once disclosed", func() bool { return strings.Contains(w.String(), candidate.FullName()) })
}

func fetch(t *testing.T, url, token string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %d, %v", url, res.StatusCode, err)
	}
}

// TestARevokedTokenEndsTheInterviewItTakesPartIn takes back the recruiter's token alone, by its id, in the middle of an
// interview: session, seat and media end at once (T7).
func TestARevokedTokenEndsTheInterviewItTakesPartIn(t *testing.T) {
	env := testenv.New(t)
	conversation := env.Open("k-1", "高级前端工程师", "recruiter", "candidate")
	candidate := sitDown(t, env, "candidate")
	actor, pushed := env.As("recruiter"), &pushes{}
	claims := actor.Claims()
	claims.TokenID = "the-token"
	session, err := client.Dial(t.Context(), env.URL()+"/v1/ws", env.Mint(claims), client.Options{Device: "recruiter", Push: pushed.add})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	recruiter := side{actor, env, session, pushed}
	opened := recruiter.ask(t, wire.InterviewOpen{Conversation: conversation}).(wire.InterviewState)
	theySeeEachOther(t, opened.Interview, recruiter, candidate)

	// A request for the seat that is refused must not make the server forget that there is one.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := session.Do(ctx, wire.InterviewResume{Interview: opened.ID, Session: "none"}); err == nil {
		t.Error("a seat that is not away was taken back")
	}
	begun := time.Now()
	env.As("operator").JSON(http.MethodPost, "/v1/revocations", map[string]string{"token": "the-token"}, nil)
	eventually(t, "the recruiter's leaving", func() bool {
		v, ok := last(candidate.pushed, func(b wire.InterviewState) bool { return b.ID == opened.ID })
		if !ok {
			return false
		}
		for _, p := range v.Participants {
			if p.User == string(actor.ID) {
				return !p.Present
			}
		}
		return false
	})
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
}
