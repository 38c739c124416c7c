package server

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// timed notes the deadlines that a connection was given.
type timed struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (t *timed) SetReadDeadline(d time.Time) error  { t.read = d; return nil }
func (t *timed) SetWriteDeadline(d time.Time) error { t.write = d; return nil }

func TestASlowClientHoldsNoConnection(t *testing.T) {
	write := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) })
	h := hasty(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { write(&answer{ResponseWriter: w}, r) }))
	for body, bounded := range map[string]bool{"": false, "x": true} {
		w := &timed{ResponseRecorder: httptest.NewRecorder()}
		h.ServeHTTP(w, httptest.NewRequest("GET", "/", strings.NewReader(body)))
		if got := !w.read.IsZero(); got != bounded {
			t.Errorf("body %q: a deadline for reading is %v, want %v", body, got, bounded)
		}
		if w.write.IsZero() {
			t.Error("a client that does not read is waited for without end")
		}
	}
	w := &timed{ResponseRecorder: httptest.NewRecorder()}
	shortly(write).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.write.IsZero() {
		t.Error("a refused WebSocket is waited for without end")
	}
}

func TestALoopbackAddressAnswersToItsOwnNamesOnly(t *testing.T) {
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	here, there := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}
	for _, c := range []struct {
		host string
		addr net.Addr
		want int
	}{
		{"localhost:8081", here, 200}, {"127.0.0.1", here, 200}, {"[::1]:8081", here, 200}, {"[::1]", here, 200}, {"", here, 200},
		{"evil.example", here, 421}, {"evil.example:8081", here, 421}, {"localhost.evil.example", here, 421},
		{"metrics.example", there, 200}, // the operator said that only they can reach it
	} {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		ownNames(ok, c.addr).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%q on %v: %d, want %d", c.host, c.addr, w.Code, c.want)
		}
	}
}
