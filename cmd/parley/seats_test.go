package main

import (
	"net/http/httptest"
	"testing"
	"time"
)

// The seats are tokens: only a page of this machine's own, in a browser on it, gets them.
func TestSeatsAreForThisMachineOnly(t *testing.T) {
	d := &demo{key: devKey{ID: "dev", Secret: make([]byte, 32)}, now: time.Now}
	for _, c := range []struct {
		from, host, forwarded string
		want                  int
	}{
		{"127.0.0.1:50000", "localhost:8080", "", 200},
		{"[::1]:50000", "[::1]:8080", "", 200},
		{"127.0.0.1:50000", "127.0.0.1", "", 200},
		{"127.0.0.1:50000", "evil.example:8080", "", 421},
		{"127.0.0.1:50000", "203.0.113.9:8080", "", 421},
		{"203.0.113.7:50000", "localhost:8080", "", 403},
		{"127.0.0.1:50000", "localhost:8080", "203.0.113.7", 403},
	} {
		r := httptest.NewRequest("GET", "/demo/seats.json", nil)
		r.RemoteAddr, r.Host = c.from, c.host
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("from %s to %s (%q): %d, want %d", c.from, c.host, c.forwarded, w.Code, c.want)
		}
	}
}
