package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestOnlyConfiguredOriginsMayRead(t *testing.T) {
	served := 0
	h := cors(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }), []string{"https://jobs.example.com"})
	for _, c := range []struct {
		method, origin, allowed string
		served                  int
	}{
		{"GET", "", "", 1},
		{"GET", "https://jobs.example.com", "https://jobs.example.com", 1},
		{"GET", "https://evil.example", "", 1},
		{"GET", "https://jobs.example.com.evil.example", "", 1},
		{"OPTIONS", "https://jobs.example.com", "https://jobs.example.com", 0}, // a preflight reaches no handler
		{"OPTIONS", "https://evil.example", "", 1},
	} {
		served = 0
		r := httptest.NewRequest(c.method, "/v1/interviews/i/recording", nil)
		r.Header.Set("Origin", c.origin)
		r.Header.Set("Access-Control-Request-Method", "GET")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != c.allowed || served != c.served {
			t.Errorf("%s from %q: allowed %q, served %d", c.method, c.origin, got, served)
		}
		if methods := w.Header().Get("Access-Control-Allow-Methods"); c.served == 0 && methods != "GET, POST, PATCH" {
			t.Errorf("methods %q", methods)
		}
		if w.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Error("cookies are let through")
		}
	}
}
