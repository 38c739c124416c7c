package outbox_test

import (
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/outbox"
	"parley/internal/outbox/outboxtest"
)

// eventually polls until ok, for at most ten seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within ten seconds: %s", what)
		}
	}
}

func at(url string, secrets ...outbox.Secret) outbox.Config {
	if len(secrets) == 0 {
		secrets = []outbox.Secret{secret}
	}
	return outbox.Config{Target: outbox.Target{URL: url, Secrets: secrets}, Attempts: 1, Timeout: time.Second, Poll: 10 * time.Millisecond}
}

// closed is an address at which nobody listens.
func closed(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return l.Addr().String()
}

func TestWhyADeliveryFailed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(other.Close)
	release := make(chan struct{})
	mux := http.NewServeMux()
	for _, status := range []int{200, 202, 204, 299, 400, 401, 404, 410, 429, 500, 503} {
		mux.HandleFunc(fmt.Sprintf("/%d", status), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		mux.Handle(fmt.Sprintf("/%d", status), http.RedirectHandler(other.URL, status))
	}
	mux.HandleFunc("/hang", func(http.ResponseWriter, *http.Request) { <-release })
	mux.HandleFunc("/hang-up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/headers", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) })
	plain, secure := httptest.NewServer(mux), httptest.NewUnstartedServer(mux)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	secure.StartTLS()
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	t.Cleanup(sync.OnceFunc(func() { close(release) }))
	trust := x509.NewCertPool()
	trust.AddCert(secure.Certificate())
	for _, c := range []struct {
		url, reason string
		trust       *x509.CertPool
	}{
		{plain.URL + "/200", "", nil}, {plain.URL + "/202", "", nil}, {plain.URL + "/204", "", nil}, {plain.URL + "/299", "", nil},
		{plain.URL + "/400", "status 4xx", nil}, {plain.URL + "/401", "status 4xx", nil}, {plain.URL + "/404", "status 4xx", nil},
		{plain.URL + "/410", "status 4xx", nil}, {plain.URL + "/429", "status 4xx", nil},
		{plain.URL + "/500", "status 5xx", nil}, {plain.URL + "/503", "status 5xx", nil},
		{plain.URL + "/301", "redirect", nil}, {plain.URL + "/302", "redirect", nil}, {plain.URL + "/303", "redirect", nil},
		{plain.URL + "/307", "redirect", nil}, {plain.URL + "/308", "redirect", nil},
		{plain.URL + "/hang", "timeout", nil}, {plain.URL + "/hang-up", "connect", nil}, {plain.URL + "/headers", "connect", nil},
		{"http://" + closed(t) + "/sekret", "connect", nil},
		{secure.URL + "/200", "tls", nil}, {secure.URL + "/200", "", trust}, // A4
		{strings.Replace(plain.URL, "http:", "https:", 1) + "/200", "tls", trust},
	} {
		t.Run(strings.TrimLeft(c.url[strings.LastIndex(c.url, "/"):]+" "+c.reason, "/"), func(t *testing.T) {
			s := &outboxtest.Memory{}
			put(t, s, 1)
			conf := at(c.url)
			conf.Trust = c.trust
			n := start(t, s, nil, conf)
			eventually(t, "the event was settled", func() bool {
				b, err := s.Backlog(t.Context())
				return err == nil && b.Pending == 0
			})
			n.stop()
			reason := ""
			if dead, err := s.Dead(t.Context(), "", 1); err != nil {
				t.Fatal(err)
			} else if len(dead) > 0 {
				reason = dead[0].Reason
			}
			if reason != c.reason {
				t.Errorf("failed because of %q, want %q", reason, c.reason)
			}
			if log := n.log.String(); strings.Contains(log, "127.0.0.1") || strings.Contains(log, "sekret") || strings.Contains(log, secret) {
				t.Errorf("the log shows the target: %s", log)
			}
		})
	}
}

// An answer without end neither fills memory nor holds a worker.
func TestOfAnAnswerLittleIsRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(make([]byte, 1<<16))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // the other side hung up
	}))
	t.Cleanup(server.Close)
	s := &outboxtest.Memory{}
	put(t, s, 1)
	conf := at(server.URL)
	conf.Timeout = time.Hour
	start(t, s, nil, conf)
	eventually(t, "the event was delivered", func() bool {
		b, err := s.Backlog(t.Context())
		return err == nil && b.Pending == 0 && b.Dead == 0
	})
}

// The receiver of WEBHOOKS.md is the file beside this one, word by word, and runs here.
func TestTheReceiverOfTheManualTakesWhatIsSent(t *testing.T) {
	for name, c := range map[string]struct {
		mine, theirs []string
		accepted     bool
	}{
		"one secret":                 {[]string{secret}, []string{secret}, true},
		"another secret":             {[]string{secret}, []string{oldSecret}, false},
		"both, they have the old":    {[]string{secret, oldSecret}, []string{oldSecret}, true},
		"both, they have the new":    {[]string{secret, oldSecret}, []string{secret}, true},
		"one, they still have both":  {[]string{secret}, []string{secret, oldSecret}, true},
		"the old, they have both":    {[]string{oldSecret}, []string{secret, oldSecret}, true},
		"a secret and no other part": {[]string{secret + "x"}, []string{secret}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var got []Event
			server := httptest.NewServer(&Receiver{Secrets: c.theirs, Accept: func(e Event) error {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, e)
				return nil
			}})
			t.Cleanup(server.Close)
			s, want := &outboxtest.Memory{}, outboxtest.EachKind(t)
			if err := s.Append(t.Context(), want...); err != nil {
				t.Fatal(err)
			}
			var secrets []outbox.Secret
			for _, m := range c.mine {
				secrets = append(secrets, outbox.Secret(m))
			}
			start(t, s, nil, at(server.URL, secrets...))
			eventually(t, "all events were tried", func() bool {
				b, err := s.Backlog(t.Context())
				return err == nil && b.Pending == 0
			})
			mu.Lock()
			defer mu.Unlock()
			if !c.accepted {
				if len(got) != 0 {
					t.Errorf("%d events were accepted", len(got))
				}
				return
			}
			checkReceived(t, got, want)
		})
	}
}

func checkReceived(t *testing.T, got []Event, want []outbox.Event) {
	t.Helper()
	byID := map[string]Event{}
	for _, e := range got {
		byID[e.ID] = e
	}
	if len(got) != len(want) {
		t.Errorf("%d events arrived, want %d", len(got), len(want))
	}
	for _, w := range want {
		g := byID[string(w.ID)]
		if g.Kind != string(w.Kind) || !g.At.Equal(w.At) || g.Conversation != w.Conversation || g.Seq != w.Seq || g.Type != w.Type ||
			g.Sender != string(w.Sender) || g.Interview != w.Interview || g.Recording != w.Recording {
			t.Errorf("arrived as %+v, want %+v", g, w)
		}
	}
}

func TestTheManualShowsTheReceiverThatRunsHere(t *testing.T) {
	manual, err := os.ReadFile("WEBHOOKS.md")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("receiver_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(manual), "```go\npackage webhooks\n")
	shown, _, _ = strings.Cut(shown, "```")
	if _, code, _ := strings.Cut(string(file), "package outbox_test\n"); code != shown || code == "" {
		t.Error("receiver_test.go and the code in WEBHOOKS.md differ")
	}
	for _, k := range outbox.Kinds {
		if !strings.Contains(string(manual), "| `"+string(k)+"` |") {
			t.Errorf("WEBHOOKS.md does not tell of %s", k)
		}
	}
}

// What a thief recorded, changed or made up is not taken by the receiver of the manual.
func TestTheReceiverRefusesWhatIsForged(t *testing.T) {
	var header, body string
	to := &target{}
	s := &outboxtest.Memory{}
	put(t, s, 1)
	n := start(t, s, to, outbox.Config{Poll: 10 * time.Millisecond})
	eventually(t, "it was sent", func() bool { return len(to.got()) == 1 })
	n.stop()
	header, body = to.header[0].Get(outbox.SignatureHeader), to.got()[0]
	r, now := &Receiver{Secrets: []string{secret}}, time.Now()
	if !r.signed(header, []byte(body), now) {
		t.Fatal("the control: what was sent is refused")
	}
	stamp, signature, _ := strings.Cut(header, ",")
	for name, c := range map[string]struct {
		header, body string
		now          time.Time
	}{
		"later":              {header, body, now.Add(6 * time.Minute)},
		"from the future":    {header, body, now.Add(-6 * time.Minute)},
		"another body":       {header, body + " ", now},
		"a newer stamp":      {fmt.Sprintf("t=%d,%s", now.Unix()+60, signature), body, now},
		"no signature":       {stamp, body, now},
		"an empty signature": {stamp + ",v1=", body, now},
		"another version":    {stamp + "," + strings.Replace(signature, "v1", "v0", 1), body, now},
		"no stamp":           {signature, body, now},
		"no header":          {"", body, now},
	} {
		if r.signed(c.header, []byte(c.body), c.now) {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzTheReceiversHeader(f *testing.F) {
	for _, s := range []string{"t=1772600767,v1=00", "t=,v1=", "v1=a,v1=b,t=-1", ",,,", "t=9999999999999999999", ""} {
		f.Add(s)
	}
	r := &Receiver{Secrets: []string{secret}}
	f.Fuzz(func(t *testing.T, header string) {
		if r.signed(header, []byte("{}"), time.Unix(1772600767, 0)) {
			t.Errorf("%q was accepted", header)
		}
	})
}
