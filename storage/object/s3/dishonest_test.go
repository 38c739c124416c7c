package s3

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"
)

// rebuilt makes the buckets of the site anew, with versions but with the lock that f sets.
func rebuilt(t *testing.T, f func(owner *minio.Client, bucket string) error, locking bool) site {
	t.Helper()
	s := newSite(t)
	for _, class := range []string{"attachment", "part", "recording"} {
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
		lie:      changing(unsignedPut, without("X-Amz-Checksum-Sha256")),
		property: propChecksums,
	},
	"ignores checksums and makes up those that it is asked for": {
		lie:      changing(objectPut, correctChecksum),
		property: propChecksums,
	},
	"keeps no checksums": {
		lie:      changing(objectPut, without("X-Amz-Checksum-Sha256")),
		property: propChecksums,
	},
	"refuses a wrong checksum and keeps the object": {
		lie: func(s site) lie {
			return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if unsignedPut(r) {
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
		lie:      changing(objectPut, without("If-None-Match")),
		property: propOnce,
	},
	"says yes to a key that is taken and does nothing": {
		lie: func(site) lie {
			var puts atomic.Int32
			return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
				if objectPut(r) && puts.Add(1) > 2 {
					yes(w, r)
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
					yes(w, r)
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
