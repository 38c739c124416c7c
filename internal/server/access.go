package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// secure sets the headers that every answer carries. Pages load nothing from elsewhere and nobody frames them.
func secure(next http.Handler, https bool) http.Handler {
	policy := strings.Join([]string{
		"default-src 'self'", "connect-src 'self' ws: wss:", "img-src 'self' data: blob:", "media-src 'self' blob: mediastream:",
		"object-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
	}, "; ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), geolocation=()")
		if https {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// access logs and counts requests by route. Paths hold ids and grants, so only the pattern that matched is written;
// addresses and users are not (T2).
func access(next http.Handler, log *slog.Logger, reg prometheus.Registerer) http.Handler {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_http_requests_total", Help: "Answered HTTP requests by route and status class."}, []string{"route", "status"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "parley_http_request_seconds", Help: "Time to answer an HTTP request, by route.",
		Buckets: prometheus.ExponentialBuckets(0.001, 4, 8)}, []string{"route"})
	reg.MustRegister(requests, seconds)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		answer := &answer{ResponseWriter: w, status: http.StatusOK}
		defer func() { // also when the handler aborts a transfer
			broken := recover()
			took, where := time.Since(begun), route(r.Pattern)
			if err, _ := broken.(error); broken != nil && !errors.Is(err, http.ErrAbortHandler) {
				answer.fail()
				log.LogAttrs(r.Context(), slog.LevelError, "a request panicked", slog.String("route", where),
					slog.String("kind", fmt.Sprintf("%T", broken)), slog.String("stack", string(debug.Stack()))) // its words may be a person's
			}
			requests.WithLabelValues(where, class(answer.status)).Inc()
			seconds.WithLabelValues(where).Observe(took.Seconds())
			log.LogAttrs(r.Context(), slog.LevelInfo, "request",
				slog.String("method", method(r.Method)), slog.String("route", where), slog.Int("status", answer.status),
				slog.Int64("bytes", answer.bytes), slog.Duration("took", took))
			if broken != nil {
				panic(http.ErrAbortHandler) // ends the connection, and net/http has nothing to tell
			}
		}()
		next.ServeHTTP(answer, r)
	})
}

// route is the pattern that matched, without its method.
func route(pattern string) string {
	if _, path, found := strings.Cut(pattern, " "); found {
		return path
	}
	if pattern == "" {
		return "none"
	}
	return pattern
}

// method keeps made-up methods out of the log.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

func class(status int) string { return string(rune('0'+status/100)) + "xx" }

// answer remembers what was answered.
type answer struct {
	http.ResponseWriter
	status int
	bytes  int64
	wrote  bool
}

// fail remembers that there is no answer, if none has begun.
func (a *answer) fail() {
	if !a.wrote {
		a.status = http.StatusInternalServerError
	}
}

// WriteHeader remembers the status.
func (a *answer) WriteHeader(status int) {
	if !a.wrote && status >= 200 {
		a.status, a.wrote = status, true
	}
	stalls(a.ResponseWriter)
	a.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes, and gives up a client that does not take them.
func (a *answer) Write(b []byte) (int, error) {
	a.wrote = true
	stalls(a.ResponseWriter)
	n, err := a.ResponseWriter.Write(b)
	a.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController through.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
