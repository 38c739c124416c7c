package s3

import (
	"context"
	"encoding/xml"
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

// unsignedPut is one whose body the signature does not cover.
func unsignedPut(r *http.Request) bool {
	return objectPut(r) && r.Header.Get("X-Amz-Content-Sha256") == "UNSIGNED-PAYLOAD"
}

// changing makes some requests others than they are.
func changing(which func(*http.Request) bool, change func(*http.Request)) func(site) lie {
	return func(s site) lie {
		return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
			if which(r) {
				r = s.changed(r, change)
			}
			pass(w, r)
		}
	}
}

func without(header string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Del(header) }
}

// yes takes an object and throws it away.
func yes(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("X-Amz-Version-Id", "5a4e0bd1-6a0e-4e0c-a4a8-2b1f5b8a2f60")
}

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
