package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"parley/storage/object"
)

// faults are the ways in which a request goes wrong; what reaches the store has taken effect.
var faults = map[string]struct {
	takesEffect bool
	answer      func(http.ResponseWriter, *http.Request)
}{
	"500":                      {false, fails(http.StatusInternalServerError)},
	"500 but it took effect":   {true, fails(http.StatusInternalServerError)},
	"429":                      {false, fails(http.StatusTooManyRequests)},
	"reset":                    {false, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	"reset but it took effect": {true, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	"hangs":                    {false, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
	"hangs but it took effect": {true, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
	"answers half of something": {true, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusBadGateway)
		io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	}},
}

func fails(status int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

// goesWrong lets requests of a method go wrong, so many times.
func goesWrong(method string, times int, takesEffect bool, answer func(http.ResponseWriter, *http.Request)) lie {
	var seen atomic.Int32
	return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
		if r.Method != method || int(seen.Add(1)) > times {
			pass(w, r)
			return
		}
		if takesEffect {
			pass(httptest.NewRecorder(), r)
		} else {
			io.Copy(io.Discard, r.Body) // so that the end of the connection is noticed
		}
		answer(w, r)
	}
}

// impatient is a store behind a liar that is not waited for long.
func impatient(t *testing.T, l *liar) *Bucket {
	cfg := l.config()
	cfg.Stall = time.Second
	return unproven(t, cfg)
}

func (l *liar) tell(f lie) { l.lies.Store(&f) }

const always = 1 << 30

func TestAPutOutlivesAFault(t *testing.T) {
	for name, fault := range faults {
		for _, method := range []string{http.MethodPut, http.MethodHead} {
			if method == http.MethodHead && fault.takesEffect {
				continue // looking has no effect
			}
			t.Run(method+" "+name, func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				b := impatient(t, newLiar(t, s, goesWrong(method, 1, fault.takesEffect, fault.answer)))
				if err := b.Put(t.Context(), "part/x", []byte("the body")); err != nil {
					t.Fatal(err)
				}
				wantOneVersion(t, s, b, "the body")
			})
		}
	}
}

func TestAPutOfUnknownOutcomeMayBeRepeated(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			l := newLiar(t, s, goesWrong(http.MethodPut, always, fault.takesEffect, fault.answer))
			b := impatient(t, l)
			b.patience.attempts = 2
			// What took effect is found by the second attempt only if that gets an answer.
			if err := b.Put(t.Context(), "part/x", []byte("the body")); err == nil {
				t.Fatal("a put succeeded without an answer")
			}
			l.tell(honest)
			b.patience.attempts = defaultPatience.attempts
			err := b.Put(t.Context(), "part/x", []byte("a different body"))
			if conflict := errors.Is(err, object.ErrConflict); conflict != fault.takesEffect {
				t.Fatalf("other bytes: %v", err)
			}
			if !fault.takesEffect {
				return
			}
			if err := b.Put(t.Context(), "part/x", []byte("the body")); err != nil {
				t.Fatal(err)
			}
			wantOneVersion(t, s, b, "the body")
		})
	}
}

func wantOneVersion(t *testing.T, s site, b *Bucket, body string) {
	t.Helper()
	versions := 0
	for v := range s.owner(t).ListObjectsIter(t.Context(), s.name+"-part", minio.ListObjectsOptions{WithVersions: true, Recursive: true}) {
		if v.Err != nil {
			t.Fatal(v.Err)
		}
		versions++
	}
	if versions != 1 {
		t.Errorf("%d versions, want 1", versions)
	}
	if got, err := whole(t, b, "part/x"); err != nil || string(got) != body {
		t.Errorf("body %q, %v; want %q", got, err, body)
	}
}

func TestReadingOutlivesAFault(t *testing.T) {
	for name, fault := range faults {
		if fault.takesEffect {
			continue // reading has none
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			l := newLiar(t, s, honest)
			b := impatient(t, l)
			if err := b.Put(t.Context(), "part/x", []byte("the body")); err != nil {
				t.Fatal(err)
			}
			l.tell(goesWrong(http.MethodGet, 1, false, fault.answer))
			if body, err := whole(t, b, "part/x"); err != nil || string(body) != "the body" {
				t.Errorf("body %q, %v", body, err)
			}
		})
	}
}

func TestABodyThatStopsOrChangesIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(w http.ResponseWriter, r *http.Request, body []byte)
		want   func(error) bool
	}{
		"stops": {func(w http.ResponseWriter, r *http.Request, body []byte) {
			w.Write(body[:len(body)/2])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, isLost},
		"breaks off": {func(w http.ResponseWriter, r *http.Request, body []byte) {
			w.Write(body[:len(body)/2])
			panic(http.ErrAbortHandler)
		}, isLost},
		"a bit flipped": {func(w http.ResponseWriter, r *http.Request, body []byte) { body[len(body)/2] ^= 1; w.Write(body) }, isDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLiar(t, newSite(t), honest)
			b := impatient(t, l)
			if err := b.Put(t.Context(), "part/x", make([]byte, 100<<10)); err != nil {
				t.Fatal(err)
			}
			l.tell(func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if !is(r, http.MethodGet, "versionId") {
					pass(w, r)
					return
				}
				answer := httptest.NewRecorder()
				pass(answer, r)
				for name, values := range answer.Header() {
					w.Header()[name] = values
				}
				c.damage(w, r, answer.Body.Bytes())
			})
			if _, err := whole(t, b, "part/x"); !c.want(err) {
				t.Errorf("read: %v", err)
			}
		})
	}
}

func isLost(err error) bool    { l := (*lost)(nil); return errors.As(err, &l) }
func isDamaged(err error) bool { return errors.Is(err, object.ErrDamaged) }

func TestAStoreThatMixesUpRangesIsFound(t *testing.T) {
	s := newSite(t)
	l := newLiar(t, s, func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
		if is(r, http.MethodGet, "versionId") {
			r = s.changed(r, func(r *http.Request) { r.Header.Del("Range") })
		}
		pass(w, r)
	})
	b := impatient(t, l)
	if err := b.Put(t.Context(), "part/x", []byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Get(t.Context(), "part/x", 2, 3); !errors.Is(err, object.ErrDamaged) {
		t.Errorf("a whole object for a range: %v", err)
	}
}

func TestASlowUploadBlocksNoOther(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	l := newLiar(t, newSite(t), func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "slow") {
			close(held)
			<-release
		}
		pass(w, r)
	})
	b := unproven(t, l.config())
	var slow sync.WaitGroup
	slow.Go(func() {
		if err := b.Put(t.Context(), "part/slow", make([]byte, 1<<20)); err != nil {
			t.Errorf("the slow upload: %v", err)
		}
	})
	<-held
	for _, key := range []object.Key{"part/1", "part/2", "recording/3"} {
		if err := b.Put(t.Context(), key, []byte("quick")); err != nil {
			t.Error(err)
		}
	}
	close(release)
	slow.Wait()
}

func TestAnUploadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := newLiar(t, newSite(t), func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
		io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	if err := unproven(t, l.config()).Put(ctx, "part/x", []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
}

func TestARefusalIsNotTriedAgain(t *testing.T) {
	var puts atomic.Int32
	l := newLiar(t, newSite(t), func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		puts.Add(1)
		w.WriteHeader(http.StatusForbidden)
		say(w, minio.ErrorResponse{Code: "AccessDenied", Message: "arn:aws:iam::1:user/someone may not"})
	})
	err := unproven(t, l.config()).Put(t.Context(), "part/x", []byte("x"))
	if err == nil || puts.Load() != 1 {
		t.Errorf("%d requests, %v", puts.Load(), err)
	}
	if strings.Contains(err.Error(), "someone") || !strings.Contains(err.Error(), "403 AccessDenied") {
		t.Errorf("error %q", err)
	}
}

func TestAFullStoreIsToldApart(t *testing.T) {
	l := newLiar(t, newSite(t), func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		w.WriteHeader(http.StatusInsufficientStorage)
		say(w, minio.ErrorResponse{Code: "XMinioStorageFull"})
	})
	if err := unproven(t, l.config()).Put(t.Context(), "part/x", []byte("x")); !errors.Is(err, object.ErrFull) {
		t.Errorf("put: %v, want %v", err, object.ErrFull)
	}
}

func TestAnObjectWithoutALockIsNotTakenForStored(t *testing.T) {
	b := unproven(t, rebuilt(t, noLock, true).config())
	broken := (*Broken)(nil)
	for range 2 { // the second time it is there
		if err := b.Put(t.Context(), "part/x", []byte("x")); !errors.As(err, &broken) || broken.Property != propLocked {
			t.Errorf("put: %v", err)
		}
	}
}

func TestErrorsNameNoAddresses(t *testing.T) {
	s := newSite(t)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for name, at := range map[string]string{
		"nobody listens": closed.URL + "/" + s.name,
		"no TLS":         "https://" + s.Addr + "/" + s.name,
		"no such name":   "https://store.invalid/" + s.name,
	} {
		cfg := s.config()
		cfg.URL = at
		b := unproven(t, cfg)
		b.patience.attempts = 1
		_, err := b.Stat(t.Context(), "part/x")
		if err == nil || strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "://") {
			t.Errorf("%s: %v", name, err)
		}
		t.Log(err)
	}
}

func TestRequestsAreCounted(t *testing.T) {
	cfg := newSite(t).config()
	registry := prometheus.NewRegistry()
	cfg.Metrics = registry
	b := unproven(t, cfg)
	for range 2 {
		if err := b.Put(t.Context(), "part/x", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []struct {
		op      operation
		outcome string
		n       float64
	}{{opPut, "ok", 1}, {opPut, "exists", 1}, {opStat, "ok", 2}, {opList, "ok", 1}} {
		if got := value(t, b.metrics.requests.WithLabelValues(string(want.op), want.outcome)); got != want.n {
			t.Errorf("%s %s: %v, want %v", want.op, want.outcome, got, want.n)
		}
	}
	if families, err := registry.Gather(); err != nil || len(families) != 3 {
		t.Errorf("%d metrics, %v", len(families), err)
	}
}

func value(t *testing.T, m prometheus.Metric) float64 {
	t.Helper()
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetCounter().GetValue() + out.GetGauge().GetValue()
}
