package testenv

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"parley/internal/identity"
	"parley/internal/server"
	"parley/internal/testenv/testlog"
	"parley/signal/gateway"
)

// key and secret sign the actors' tokens.
const key = "testenv"

var secret = []byte("a secret that stands in a test only")

// Env is a running server.
type Env struct {
	t    testing.TB
	data string
	log  *testlog.Buffer

	server *server.Server
	stop   context.CancelFunc
	ended  chan error
	actors map[string]*Actor
}

// New starts a server; it is stopped when the test ends, and an unclean stop fails the test.
func New(t testing.TB) *Env {
	t.Helper()
	e := &Env{t: t, data: t.TempDir(), log: &testlog.Buffer{}, actors: map[string]*Actor{}}
	e.start()
	t.Cleanup(e.shut)
	return e
}

func (e *Env) start() {
	e.t.Helper()
	node, err := server.New(server.Config{
		HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", UDP: netip.MustParseAddrPort("127.0.0.1:0"), UDPWorkers: 1,
		Public: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
		Data:   e.data, Build: "testenv",
		Limits: gateway.Limits{Frames: 500, Burst: 5000}, // actors are quicker than people
		Tokens: identity.VerifierConfig{Keys: map[string][]byte{key: secret}},
		Log:    slog.New(slog.NewJSONHandler(e.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		e.t.Fatalf("make the server: %v", err)
	}
	if err := node.Open(e.t.Context()); err != nil {
		e.t.Fatalf("open the server: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	e.server, e.stop, e.ended = node, stop, make(chan error, 1)
	go func() { e.ended <- node.Run(ctx) }()
}

func (e *Env) shut() {
	e.stop()
	if err := <-e.ended; err != nil {
		e.t.Errorf("stop the server: %v\n%s", err, e.Logs())
	}
}

// Restart stops the server in order and starts it again on the same data, at other addresses.
func (e *Env) Restart() {
	e.t.Helper()
	e.shut()
	e.start()
}

// URL is where the server answers.
func (e *Env) URL() string { return e.server.URL() }

// Logs is all that the server has logged so far, from debug on.
func (e *Env) Logs() string { return e.log.String() }

// Open opens a conversation of the seats, candidate and recruiter or headhunter, and returns its id.
func (e *Env) Open(key, title string, seats ...string) string {
	e.t.Helper()
	type member struct {
		User       identity.UserID    `json:"user"`
		Role       identity.Role      `json:"role"`
		FamilyName string             `json:"family_name"`
		GivenName  string             `json:"given_name"`
		Company    string             `json:"company,omitempty"`
		CompanyID  identity.CompanyID `json:"company_id,omitempty"`
	}
	body := struct {
		Key     string   `json:"key"`
		Title   string   `json:"title"`
		Members []member `json:"members"`
	}{Key: key, Title: title}
	for _, seat := range seats {
		a := e.As(seat)
		body.Members = append(body.Members, member{a.ID, a.Role, a.Family, a.Given, a.Company, a.CompanyID})
	}
	var opened struct{ ID string }
	e.As("service").JSON(http.MethodPost, "/v1/conversations", body, &opened)
	return opened.ID
}

// Do sends a request in an actor's name; the caller closes the body. A nil body sends none.
func (a *Actor) Do(method, path string, body any, header ...string) *http.Response {
	a.env.t.Helper()
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			a.env.t.Fatal(err)
		}
		payload = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(a.env.t.Context(), method, a.env.URL()+path, payload)
	if err != nil {
		a.env.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+a.Token())
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		a.env.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res
}

// JSON is Do for an answer that must be 2xx, decoded into out unless that is nil.
func (a *Actor) JSON(method, path string, body, out any) {
	a.env.t.Helper()
	res := a.Do(method, path, body)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		a.env.t.Fatalf("%s %s: %d %s %v", method, path, res.StatusCode, b, err)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(b, out); err != nil {
		a.env.t.Fatalf("%s %s: %v", method, path, err)
	}
}
