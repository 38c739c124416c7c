package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/internal/testenv/testlog"
)

func TestAStoreThatBeginsToLieIsFoundByTheNextCanary(t *testing.T) {
	s := newSite(t)
	l := newLiar(t, s, honest)
	cfg := l.config()
	var log testlog.Buffer
	cfg.Canary, cfg.Log = 10*time.Millisecond, slog.New(slog.NewJSONHandler(&log, nil))
	b, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	ok := func() bool { return b.Health() == nil && value(t, b.metrics.canary) == 1 }
	until(t, ok, "the honest store is healthy")
	l.tell(dishonest["writes over a key that is taken"].lie(s))
	until(t, func() bool { return !ok() }, "the lie is found")
	if broken := (*Broken)(nil); !errors.As(b.Health(), &broken) || broken.Property != propOnce {
		t.Errorf("health: %v", b.Health())
	}
	until(t, func() bool { return strings.Contains(log.String(), "object store is not proven") }, "the lie is logged")
	l.tell(honest)
	until(t, ok, "an honest store is healthy again")
	l.tell(func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) { w.WriteHeader(http.StatusBadGateway) })
	until(t, func() bool { return !ok() }, "a store that is gone is not proven")
	if broken := (*Broken)(nil); errors.As(b.Health(), &broken) {
		t.Errorf("a store that is gone is taken for a liar: %v", broken)
	}
	cancel()
	running.Wait()
}

func until(t *testing.T, holds func() bool, what string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not so within 20 s: %s", what)
		}
	}
}

func TestAStoreThatIsGoneIsNotALiar(t *testing.T) {
	l := newLiar(t, newSite(t), func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) { w.WriteHeader(http.StatusBadGateway) })
	_, err := Open(t.Context(), l.config())
	if broken := (*Broken)(nil); err == nil || errors.As(err, &broken) || errors.Is(err, ErrRegion) {
		t.Errorf("open: %v", err)
	}
}

func TestOneFailureOfARequestIsNoBrokenPromise(t *testing.T) {
	for _, n := range []int32{1, 5, 9, 14, 25, 40} {
		var seen atomic.Int32
		l := newLiar(t, newSite(t), func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
			if seen.Add(1) == n {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			pass(w, r)
		})
		b, err := Open(t.Context(), l.config())
		if err != nil {
			t.Fatalf("request %d fails: %v", n, err)
		}
		b.Close()
	}
}

func TestCredentialsDoNotPrint(t *testing.T) {
	c := NewCredential("the-key", "the-secret")
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb+"\n", c, &c, Config{Writer: c, Reader: c})
	}
	encoded, err := json.Marshal(map[string]any{"c": c, "cfg": struct{ C *Credential }{&c}})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	slog.New(slog.NewTextHandler(&out, nil)).InfoContext(t.Context(), "x", "c", c, "p", &c, "cfg", struct{ C Credential }{c})
	for _, hex := range []string{"the-key", "the-secret", fmt.Sprintf("%x", "the-secret")} {
		if bytes.Contains(out.Bytes(), []byte(hex)) {
			t.Errorf("%q was printed:\n%s", hex, out.String())
		}
	}
}

func TestCredentialsAreRead(t *testing.T) {
	if c, err := ParseCredential("key:se:cret"); err != nil || c != NewCredential("key", "se:cret") {
		t.Errorf("%v, %v", c, err)
	}
	for _, bad := range []string{"", "key", "key:", ":secret"} {
		if _, err := ParseCredential(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestARefusalNamesWhatWouldMendIt(t *testing.T) {
	for name, c := range map[string]struct {
		err            error
		property, want string
	}{
		"a wrong secret":                      {&answer{http.StatusForbidden, "SignatureDoesNotMatch", ""}, propWriter, fixSecret},
		"an unknown key":                      {&answer{http.StatusForbidden, "InvalidAccessKeyId", ""}, propVersions, fixSecret},
		"a reader that may not ask":           {&answer{http.StatusForbidden, "AccessDenied", ""}, propVersions, fixReader},
		"a reader that may not see the lock":  {&answer{http.StatusForbidden, "AccessDenied", ""}, propDefault, fixReader},
		"a writer that may not put":           {&answer{http.StatusForbidden, "AccessDenied", ""}, propWriter, fixWriter},
		"a bucket that is not there":          {&answer{http.StatusNotFound, "NoSuchBucket", ""}, propVersions, fixVersions},
		"what was seen when nothing declined": {violation("versioning is not on"), propVersions, fixVersions},
	} {
		fix := map[string]string{propVersions: fixVersions, propDefault: fixLock, propWriter: fixWriter}[c.property]
		broken := (*Broken)(nil)
		if err := verdict(fmt.Errorf("bucket x: %w", c.err), c.property, fix); !errors.As(err, &broken) || broken.Fix != c.want {
			t.Errorf("%s: %v, want the fix %q", name, err, c.want)
		}
	}
}

func FuzzCredential(f *testing.F) {
	for _, s := range []string{"key:secret", "key:se:cret", "", "key", "key:", ":secret"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCredential(s)
		if err == nil && (c.key == "" || c.secret == "" || c.key+":"+c.secret != s) {
			t.Errorf("%q is read as %q and %q", s, c.key, c.secret)
		}
		if err != nil && c != (Credential{}) {
			t.Errorf("%q is refused and read", s)
		}
	})
}
