package testenv_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"parley/internal/admin"
	"parley/internal/testenv"
	"parley/signal/client"
	"parley/signal/wire"
)

// TestCleanStopSealsWhatIsBeingRecorded stops a server in order in the middle of an interview.
func TestCleanStopSealsWhatIsBeingRecorded(t *testing.T) {
	env := testenv.New(t)
	conversation := env.Open("k-1", "高级前端工程师", "recruiter", "candidate")
	recruiter, candidate := sitDown(t, env, "recruiter"), sitDown(t, env, "candidate")
	opened, _ := recruiter.ask(t, wire.InterviewOpen{Conversation: conversation}).(wire.InterviewState)
	theySeeEachOther(t, opened.Interview, recruiter, candidate)

	env.Restart()

	var shown admin.InterviewRecording
	env.As("candidate").JSON(http.MethodGet, "/v1/interviews/"+opened.ID+"/recording", nil, &shown)
	if len(shown.Parts) != 1 || shown.Parts[0].State != "sealed" {
		t.Fatalf("after a clean stop: %+v", shown.Parts)
	}
	again := sitDown(t, env, "candidate")
	if left := again.session.Welcome().Interviews; len(left) != 1 || left[0].State != "live" {
		t.Errorf("the interview does not wait for its people: %+v", left)
	}
	page, err := client.Ask[wire.ChatPage](t.Context(), again.session, wire.ChatRead{Conversation: conversation})
	if err != nil || len(page.Entries) < 3 {
		t.Errorf("log: %+v, %v", page, err)
	}
}

// TestAConnectionThatSaysNothingSpoilsNoStop opens a connection as a stop begins. A stop that is not clean fails the test.
func TestAConnectionThatSaysNothingSpoilsNoStop(t *testing.T) {
	env := testenv.New(t)
	silent, err := net.Dial("tcp", strings.TrimPrefix(env.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	env.Restart()
}
