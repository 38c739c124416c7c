package server

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

func TestAccessLogHoldsTheRouteAndNothingOfAPerson(t *testing.T) {
	var log bytes.Buffer
	inner := http.NewServeMux()
	inner.HandleFunc("GET /v1/playback/{grant}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusPartialContent) })
	outer := http.NewServeMux()
	outer.Handle("/v1/", inner)
	reg := prometheus.NewRegistry()
	h := access(outer, slog.New(slog.NewJSONHandler(&log, nil)), reg)

	r := httptest.NewRequest("GET", "/v1/playback/SECRETWORD?user=u-17", nil)
	r.Header.Set("Authorization", "Bearer SECRETTOKEN")
	r.RemoteAddr = "203.0.113.9:4711"
	h.ServeHTTP(httptest.NewRecorder(), r)

	for _, want := range []string{"/v1/playback/{grant}", "206"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("log %s lacks %s", log.String(), want)
		}
	}
	for _, leak := range []string{"SECRETWORD", "SECRETTOKEN", "u-17", "203.0.113.9"} {
		if strings.Contains(log.String(), leak) {
			t.Errorf("log %s holds %s", log.String(), leak)
		}
	}
	families, err := reg.Gather()
	if err != nil || len(families) != 2 {
		t.Fatalf("metrics: %v, %v", families, err)
	}
	for _, f := range families {
		if s := f.String(); strings.Contains(s, "SECRET") || !strings.Contains(s, "/v1/playback/{grant}") {
			t.Errorf("metric %s", s)
		}
	}
}

func TestARequestThatPanicsIsLoggedWithoutItsWords(t *testing.T) {
	var log bytes.Buffer
	inner := http.NewServeMux()
	inner.HandleFunc("GET /v1/playback/{grant}", func(http.ResponseWriter, *http.Request) { panic(errors.New("SECRETWORD of u-17")) })
	reg := prometheus.NewRegistry()
	h := access(inner, slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})), reg)
	func() {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler {
				t.Errorf("panics on with %v", p)
			}
		}()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/v1/playback/SECRETWORD", nil))
	}()
	for _, want := range []string{"/v1/playback/{grant}", "*errors.errorString", "access_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("log %s lacks %s", log.String(), want)
		}
	}
	if strings.Contains(log.String(), "SECRET") || strings.Contains(log.String(), "u-17") {
		t.Errorf("log %s tells what was said", log.String())
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(families, func(f *dto.MetricFamily) bool { return strings.Contains(f.String(), "5xx") }) {
		t.Errorf("counted as %v", families)
	}
}

func TestAddressBehindAProxyIsTheOneTheProxySaw(t *testing.T) {
	for header, want := range map[string]string{
		"":                             "192.0.2.1",
		"198.51.100.7":                 "198.51.100.7",
		"203.0.113.9, 198.51.100.7":    "198.51.100.7", // what stands before it anybody can write
		"198.51.100.7, not an address": "192.0.2.1",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "192.0.2.1:99"
		if header != "" {
			r.Header.Set("X-Forwarded-For", header)
		}
		if got := forwardedFor(r); got != netip.MustParseAddr(want) {
			t.Errorf("%q: %v, want %s", header, got, want)
		}
	}
}
