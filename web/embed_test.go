package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func get(t *testing.T, h http.Handler, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestFilesComeWithTheirType(t *testing.T) {
	for path, want := range map[string]string{
		"/":                  "text/html; charset=utf-8",
		"/index.html":        "text/html; charset=utf-8",
		"/client/index.js":   "text/javascript; charset=utf-8",
		"/client/wire.d.ts":  "text/plain; charset=utf-8",
		"/client/session.js": "text/javascript; charset=utf-8",
	} {
		res := get(t, Demo(), "GET", path)
		if got := res.Header.Get("Content-Type"); res.StatusCode != 200 || got != want {
			t.Errorf("GET %s: %d %q, want 200 %q", path, res.StatusCode, got, want)
		}
	}
}

func TestOnlyFilesOfTheTreeAreServed(t *testing.T) {
	for _, path := range []string{"/client/", "/client", "/demo/index.html", "/embed.go", "/../embed.go", "/client/../embed.go", "/package.json", "//"} {
		if res := get(t, Demo(), "GET", path); res.StatusCode != 404 {
			t.Errorf("GET %s: %d, want 404", path, res.StatusCode)
		}
	}
	if res := get(t, Client(), "GET", "/"); res.StatusCode != 404 {
		t.Errorf("the library alone serves a page: %d", res.StatusCode)
	}
}

func TestApplicationsOfOtherOriginsMayImportTheLibraryOnly(t *testing.T) {
	for path, want := range map[string]string{"/client/index.js": "*", "/": "", "/app.js": ""} {
		if got := get(t, Demo(), "GET", path).Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s of the demo: %q, want %q", path, got, want)
		}
	}
	if got := get(t, Client(), "GET", "/client/index.js").Header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("the library alone: %q", got)
	}
}

func TestPagesForbidForeignContent(t *testing.T) {
	res := get(t, Demo(), "GET", "/")
	policy := res.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q allows something unsafe", policy)
	}
	if res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("types may be sniffed")
	}
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	first := get(t, Demo(), "GET", "/client/index.js")
	tag := first.Header.Get("ETag")
	if tag == "" || first.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("tag %q, cache %q", tag, first.Header.Get("Cache-Control"))
	}
	again := get(t, Demo(), "GET", "/client/index.js", "If-None-Match", tag)
	body, _ := io.ReadAll(again.Body)
	if again.StatusCode != 304 || len(body) != 0 {
		t.Errorf("with its tag: %d and %d bytes, want 304 and none", again.StatusCode, len(body))
	}
	other := get(t, Demo(), "GET", "/client/ids.js", "If-None-Match", tag)
	if other.StatusCode != 200 {
		t.Errorf("with another file's tag: %d, want 200", other.StatusCode)
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	if res := get(t, Demo(), "POST", "/"); res.StatusCode != 405 || res.Header.Get("Allow") == "" {
		t.Errorf("POST: %d, Allow %q", res.StatusCode, res.Header.Get("Allow"))
	}
	if res := get(t, Demo(), "HEAD", "/"); res.StatusCode != 200 {
		t.Errorf("HEAD: %d", res.StatusCode)
	}
}

func TestLibraryMayBeImportedFromOtherOrigins(t *testing.T) {
	if got := get(t, Client(), "GET", "/client/index.js").Header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("Access-Control-Allow-Origin %q, want *", got)
	}
}
