package s3

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"go.uber.org/goleak"

	"parley/internal/testenv/engines"
	"parley/storage/object"
	"parley/storage/object/objecttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stores numbers the stores of this process.
var stores atomic.Int64

// site is a store of one test, set up as deploy/s3 says.
type site struct {
	*engines.Minio
	name           string
	writer, reader engines.Credential
}

func newSite(t *testing.T) site {
	t.Helper()
	s := site{Minio: engines.SharedMinIO(t), name: fmt.Sprintf("store-%d", stores.Add(1))}
	s.writer, s.reader = s.Buckets(t, s.name)
	return s
}

func (s site) config() Config {
	return Config{URL: s.URL(s.name), Region: s.Region,
		Writer: NewCredential(s.writer.Key, s.writer.Secret), Reader: NewCredential(s.reader.Key, s.reader.Secret)}
}

// unproven is the store without the checks of Open.
func unproven(t *testing.T, cfg Config) *Bucket {
	t.Helper()
	b, err := newBucket(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.patience.pause = time.Millisecond
	t.Cleanup(func() { b.Close() })
	return b
}

func TestBucketKeepsTheContract(t *testing.T) {
	objecttest.Suite{Under: "part/", Keeps: true, Fresh: func(t *testing.T) objecttest.Opener {
		cfg := newSite(t).config()
		return func() object.Bucket { return unproven(t, cfg) }
	}}.Run(t)
}

func TestAnHonestStoreIsOpened(t *testing.T) {
	b, err := Open(t.Context(), newSite(t).config())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Health(); err != nil {
		t.Error(err)
	}
}

func TestEachClassHasItsBucket(t *testing.T) {
	s := newSite(t)
	b := unproven(t, s.config())
	for _, class := range []string{"attachment", "part", "recording"} {
		key := object.Key(class + "/x")
		if err := b.Put(t.Context(), key, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.owner(t).StatObject(t.Context(), s.name+"-"+class, objectName(key), minio.StatObjectOptions{}); err != nil {
			t.Errorf("%s is not in its bucket: %v", key, err)
		}
	}
	var keys []object.Key
	if err := b.List(t.Context(), "", func(i object.Info) error { keys = append(keys, i.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(keys, []object.Key{"attachment/x", "part/x", "recording/x"}) {
		t.Errorf("listed %v", keys)
	}
}

func (s site) owner(t *testing.T) *minio.Client {
	t.Helper()
	c, err := s.Owner()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatIsPutOnTopOfAnObjectHidesNothing(t *testing.T) {
	s := newSite(t)
	b, owner, bucket := unproven(t, s.config()), s.owner(t), s.name+"-part"
	if err := b.Put(t.Context(), "part/x", []byte("first")); err != nil {
		t.Fatal(err)
	}
	for name, cover := range map[string]func() error{
		"another version": func() error {
			_, err := owner.PutObject(t.Context(), bucket, "part/x!", bytes.NewReader([]byte("later")), 5, minio.PutObjectOptions{})
			return err
		},
		"a delete marker": func() error { return owner.RemoveObject(t.Context(), bucket, "part/x!", minio.RemoveObjectOptions{}) },
	} {
		if err := cover(); err != nil {
			t.Fatal(err)
		}
		if body, err := whole(t, b, "part/x"); err != nil || string(body) != "first" {
			t.Errorf("under %s: %q, %v", name, body, err)
		}
		if err := b.Put(t.Context(), "part/x", []byte("first")); err != nil {
			t.Errorf("the same again under %s: %v", name, err)
		}
		if info, err := b.Stat(t.Context(), "part/x"); err != nil || info.Size != 5 {
			t.Errorf("stat under %s: %v, %v", name, info, err)
		}
	}
}

func whole(t *testing.T, b *Bucket, key object.Key) ([]byte, error) {
	t.Helper()
	r, err := b.Get(t.Context(), key, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestAListingMayTakeManyPages(t *testing.T) {
	s := newSite(t)
	b := unproven(t, s.config())
	var want []object.Key
	for i := range 7 {
		key := object.Key(fmt.Sprintf("part/%d", i))
		want = append(want, key)
		for range 2 { // the second a version that is not the object
			if _, err := s.owner(t).PutObject(t.Context(), s.name+"-part", objectName(key), bytes.NewReader([]byte("x")), 1,
				minio.PutObjectOptions{UserMetadata: checksumHeader(sha256.Sum256([]byte("x")))}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for page := 1; page <= 8; page++ {
		b.patience.page = page
		var got []object.Key
		if err := b.List(t.Context(), "", func(i object.Info) error { got = append(got, i.Key); return nil }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: %v, want %v", page, got, want)
		}
	}
}

func TestWithoutARegionTheStoresOwnIsTaken(t *testing.T) {
	cfg := newSite(t).config()
	cfg.Region = ""
	b, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
}

func TestAStoreIsReachedByTLS(t *testing.T) {
	s := newSite(t)
	to, _ := url.Parse("http://" + s.Addr)
	server := httptest.NewTLSServer(&httputil.ReverseProxy{Transport: &http.Transport{DisableKeepAlives: true},
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to); p.Out.Host = p.In.Host }})
	defer server.Close()
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	cfg := s.config()
	cfg.URL, cfg.Trust = server.URL+"/"+s.name, x509.NewCertPool()
	b := unproven(t, cfg)
	b.patience.attempts = 1
	if err := b.prove(t.Context()); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("a store that nobody vouches for: %v", err)
	}
	cfg.Trust.AddCert(server.Certificate())
	b, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
}

func BenchmarkPut(b *testing.B) {
	m := engines.SharedMinIO(b)
	name := fmt.Sprintf("store-%d", stores.Add(1))
	writer, reader := m.Buckets(b, name)
	bucket, err := newBucket(Config{URL: m.URL(name), Region: m.Region,
		Writer: NewCredential(writer.Key, writer.Secret), Reader: NewCredential(reader.Key, reader.Secret)})
	if err != nil {
		b.Fatal(err)
	}
	defer bucket.Close()
	body := make([]byte, 400<<10)
	b.SetBytes(int64(len(body)))
	b.SetParallelism(8)
	var n atomic.Int64
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := bucket.Put(b.Context(), object.Key(fmt.Sprintf("part/%d", n.Add(1))), body); err != nil {
				b.Error(err)
			}
		}
	})
}
