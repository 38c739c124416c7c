package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/signer"
)

// liar stands in front of a store and changes what goes through it.
type liar struct {
	site
	URL  string
	lies atomic.Pointer[lie]
}

// lie is what a liar does with a request: it answers itself, or lets it pass, changed or not.
type lie func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc)

func newLiar(t *testing.T, s site, first lie) *liar {
	t.Helper()
	to, _ := url.Parse("http://" + s.Addr)
	transport := &http.Transport{DisableKeepAlives: true}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(to)
		p.Out.Host = p.In.Host // which is signed
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) }}
	l := &liar{site: s}
	l.lies.Store(&first)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*l.lies.Load())(w, r, proxy.ServeHTTP)
	}))
	ctx, cancel := context.WithCancel(context.Background())
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.Start()
	t.Cleanup(func() {
		cancel() // whoever hangs
		server.Close()
	})
	l.URL = server.URL + "/" + s.name
	return l
}

func (l *liar) config() Config {
	cfg := l.site.config()
	cfg.URL = l.URL
	return cfg
}

func honest(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) { pass(w, r) }

// changed signs a request anew with the credential that it came with, after a change to it.
func (s site) changed(r *http.Request, change func(*http.Request)) *http.Request {
	r = r.Clone(r.Context())
	change(r)
	secret := s.reader.Secret
	if strings.Contains(r.Header.Get("Authorization"), s.writer.Key) {
		secret = s.writer.Secret
	}
	key, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="), "/")
	for _, hop := range []string{"Authorization", "Accept-Encoding", "Content-Length"} {
		r.Header.Del(hop)
	}
	r.URL.Host, r.URL.Scheme = r.Host, "http"
	return signer.SignV4(*r, key, secret, "", s.Region)
}

// is says what a request asks for, as METHOD or METHOD?query.
func is(r *http.Request, method, query string) bool {
	return r.Method == method && (query == "" || r.URL.Query().Has(query))
}

func objectPut(r *http.Request) bool { return r.Method == http.MethodPut && len(r.URL.Query()) == 0 }

func say(w http.ResponseWriter, body any) {
	text, err := xml.Marshal(body)
	if err != nil {
		panic(err)
	}
	w.Write(text)
}

// claimsLocks answers every question for a lock as a store with locks does, whatever stands behind it. What is set or
// deleted passes.
func claimsLocks(mode string) lie {
	until := time.Now().Add(180 * 24 * time.Hour).UTC().Truncate(time.Second)
	return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
		switch {
		case is(r, http.MethodGet, "object-lock"):
			io.WriteString(w, `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>`+
				`<Mode>COMPLIANCE</Mode><Days>180</Days></DefaultRetention></Rule></ObjectLockConfiguration>`)
		case is(r, http.MethodGet, "retention"):
			fmt.Fprintf(w, `<Retention><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>`, mode, until.Format(time.RFC3339))
		case is(r, http.MethodHead, ""):
			w.Header().Set("X-Amz-Object-Lock-Mode", mode)
			w.Header().Set("X-Amz-Object-Lock-Retain-Until-Date", until.Format(time.RFC3339))
			pass(dropping{w}, r)
		default:
			pass(w, r)
		}
	}
}

// dropping keeps the lock headers that were set before from being doubled by the store's.
type dropping struct{ http.ResponseWriter }

func (d dropping) WriteHeader(status int) {
	for _, name := range []string{"X-Amz-Object-Lock-Mode", "X-Amz-Object-Lock-Retain-Until-Date"} {
		if all := d.Header()[name]; len(all) > 1 {
			d.Header()[name] = all[:1]
		}
	}
	d.ResponseWriter.WriteHeader(status)
}

// rebuilt makes the buckets of the site anew, with versions but with the lock that f sets.
func rebuilt(t *testing.T, f func(owner *minio.Client, bucket string) error, locking bool) site {
	t.Helper()
	s := newSite(t)
	for _, class := range []string{"part", "recording"} {
		bucket, owner := s.name+"-"+class, s.owner(t)
		err := errors.Join(owner.RemoveBucket(t.Context(), bucket),
			owner.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{Region: s.Region, ObjectLocking: locking}),
			owner.EnableVersioning(t.Context(), bucket), f(owner, bucket))
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func noLock(*minio.Client, string) error { return nil }

func defaultLock(t *testing.T, mode minio.RetentionMode, days uint) func(*minio.Client, string) error {
	return func(owner *minio.Client, bucket string) error {
		unit := minio.Days
		return owner.SetObjectLockConfig(t.Context(), bucket, &mode, &days, &unit)
	}
}

// dishonest are stores that do not keep a promise, with the promise.
var dishonest = map[string]struct {
	behind   func(*testing.T) site // nil: as deploy/s3 says
	days     int                   // of the configured classes; 0: the default
	lie      func(site) lie
	property string
}{
	"no lock": {behind: func(t *testing.T) site { return rebuilt(t, noLock, false) }, property: propDefault},
	"versions are not kept": {
		behind: func(t *testing.T) site {
			return rebuilt(t, func(o *minio.Client, b string) error { return o.SuspendVersioning(t.Context(), b) }, false)
		},
		property: propVersions,
	},
	"says that versions are kept": {
		behind: func(t *testing.T) site {
			return rebuilt(t, func(o *minio.Client, b string) error { return o.SuspendVersioning(t.Context(), b) }, false)
		},
		lie: func(site) lie {
			return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if is(r, http.MethodGet, "versioning") {
					io.WriteString(w, `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`)
					return
				}
				claimsLocks("COMPLIANCE")(w, r, pass)
			}
		},
		property: propVersions,
	},
	"no default lock": {behind: func(t *testing.T) site { return rebuilt(t, noLock, true) }, property: propDefault},
	"a lock that may be bypassed": {
		behind:   func(t *testing.T) site { return rebuilt(t, defaultLock(t, minio.Governance, 1), true) },
		property: propDefault,
	},
	"a lock that ends too early": {days: 8, property: propDefault},
	"strips the lock and says that it is on": {
		behind:   func(t *testing.T) site { return rebuilt(t, noLock, false) },
		lie:      func(site) lie { return claimsLocks("COMPLIANCE") },
		property: propHolds,
	},
	"strips the lock, says that it is on and was lengthened": {
		behind: func(t *testing.T) site { return rebuilt(t, noLock, false) },
		lie: func(site) lie {
			return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if is(r, http.MethodPut, "retention") && strings.Contains(r.URL.Path, "/locked/") {
					return
				}
				claimsLocks("COMPLIANCE")(w, r, pass)
			}
		},
		property: propHolds,
	},
	"says of a lock that may be bypassed that it may not": {
		behind:   func(t *testing.T) site { return rebuilt(t, defaultLock(t, minio.Governance, 1), true) },
		lie:      func(site) lie { return claimsLocks("COMPLIANCE") },
		property: propHolds,
	},
	"makes up the retention of an object": {
		behind: func(t *testing.T) site { return rebuilt(t, noLock, false) },
		lie: func(site) lie {
			return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if r.Method == http.MethodHead {
					pass(w, r)
					return
				}
				claimsLocks("COMPLIANCE")(w, r, pass)
			}
		},
		property: propLocked,
	},
	"knows no retention": {
		lie: func(site) lie {
			return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if r.URL.Query().Has("retention") {
					fails(http.StatusNotImplemented)(w, r)
					return
				}
				pass(w, r)
			}
		},
		property: propLocked,
	},
	"two answers about one lock": {
		lie: func(site) lie {
			return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if is(r, http.MethodGet, "retention") {
					claimsLocks("GOVERNANCE")(w, r, pass)
					return
				}
				pass(w, r)
			}
		},
		property: propLocked,
	},
	"ignores checksums": {
		lie: func(s site) lie {
			return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if objectPut(r) && r.Header.Get("X-Amz-Content-Sha256") == "UNSIGNED-PAYLOAD" {
					r = s.changed(r, func(r *http.Request) { r.Header.Del("X-Amz-Checksum-Sha256") })
				}
				pass(w, r)
			}
		},
		property: propChecksums,
	},
	"ignores checksums and makes up those that it is asked for": {
		lie: func(s site) lie {
			return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if objectPut(r) {
					r = s.changed(r, correctChecksum)
				}
				pass(w, r)
			}
		},
		property: propChecksums,
	},
	"keeps no checksums": {
		lie: func(s site) lie {
			return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if objectPut(r) {
					r = s.changed(r, func(r *http.Request) { r.Header.Del("X-Amz-Checksum-Sha256") })
				}
				pass(w, r)
			}
		},
		property: propChecksums,
	},
	"refuses a wrong checksum and keeps the object": {
		lie: func(s site) lie {
			return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if objectPut(r) && r.Header.Get("X-Amz-Content-Sha256") == "UNSIGNED-PAYLOAD" {
					pass(httptest.NewRecorder(), s.changed(r, correctChecksum))
					w.WriteHeader(http.StatusBadRequest)
					say(w, minio.ErrorResponse{Code: "InvalidRequest"})
					return
				}
				pass(w, r)
			}
		},
		property: propChecksums,
	},
	"writes over a key that is taken": {
		lie: func(s site) lie {
			return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if objectPut(r) {
					r = s.changed(r, func(r *http.Request) { r.Header.Del("If-None-Match") })
				}
				pass(w, r)
			}
		},
		property: propOnce,
	},
	"says yes to a key that is taken and does nothing": {
		lie: func(site) lie {
			var puts atomic.Int32
			return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if objectPut(r) && puts.Add(1) > 2 {
					io.Copy(io.Discard, r.Body)
					w.Header().Set("X-Amz-Version-Id", "5a4e0bd1-6a0e-4e0c-a4a8-2b1f5b8a2f60")
					return
				}
				pass(w, r)
			}
		},
		property: propOnce,
	},
	"says yes and keeps nothing": {
		lie: func(site) lie {
			return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if objectPut(r) {
					io.Copy(io.Discard, r.Body)
					w.Header().Set("X-Amz-Version-Id", "5a4e0bd1-6a0e-4e0c-a4a8-2b1f5b8a2f60")
					return
				}
				pass(w, r)
			}
		},
		property: propKept,
	},
	"refuses a delete and does it": {
		lie: func(s site) lie {
			var deletes atomic.Int32 // the first is of a marker
			return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if is(r, http.MethodDelete, "versionId") && strings.Contains(r.URL.Path, "/locked/") && deletes.Add(1) > 1 {
					s.wipe(r)
					w.WriteHeader(http.StatusForbidden)
					say(w, minio.ErrorResponse{Code: "AccessDenied"})
					return
				}
				claimsLocks("COMPLIANCE")(w, r, pass)
			}
		},
		behind:   func(t *testing.T) site { return rebuilt(t, noLock, false) },
		property: propHolds,
	},
}

func correctChecksum(r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	sum := sha256.Sum256(body)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	for name, value := range checksumHeader(sum) {
		r.Header.Set(name, value)
	}
	if r.Header.Get("X-Amz-Content-Sha256") != "UNSIGNED-PAYLOAD" {
		r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	}
}

// wipe deletes a version as the owner of the store can.
func (s site) wipe(r *http.Request) {
	owner, err := s.Owner()
	if err != nil {
		panic(err)
	}
	bucket, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	_ = owner.RemoveObject(r.Context(), bucket, name, minio.RemoveObjectOptions{VersionID: r.URL.Query().Get("versionId")})
}

func TestAStoreThatBreaksAPromiseIsRefused(t *testing.T) {
	for name, d := range dishonest {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if d.behind == nil {
				d.behind = newSite
			}
			s := d.behind(t)
			tells := lie(honest)
			if d.lie != nil {
				tells = d.lie(s)
			}
			cfg := newLiar(t, s, tells).config()
			if d.days > 0 {
				cfg.Classes = map[string]Class{"part": {d.days}, "recording": {d.days}}
			}
			wantBroken(t, cfg, d.property)
		})
	}
}

func wantBroken(t *testing.T, cfg Config, property string) {
	t.Helper()
	b, err := Open(t.Context(), cfg)
	if err == nil {
		b.Close()
	}
	broken := (*Broken)(nil)
	if !errors.As(err, &broken) {
		t.Fatalf("open: %v, want a broken promise: %s", err, property)
	}
	if broken.Property != property {
		t.Errorf("broken: %v, want: %s", broken, property)
	}
	if broken.Fix == "" || broken.Found == "" {
		t.Errorf("%+v does not say what was found or how to mend it", broken)
	}
	t.Log(err)
}
