package engines

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Minio is a MinIO server; User and Password are its owner's credential.
type Minio struct {
	*Process
	User, Password string
	// Region is where the server says that its buckets are.
	Region string
}

// StartMinio starts a server in a folder of its own.
func StartMinio(ctx context.Context) (*Minio, error) {
	server, err := find("minio", cached())
	if err != nil {
		return nil, err
	}
	p, err := newProcess("minio", nil)
	if err != nil {
		return nil, err
	}
	m := &Minio{p, "parley-owner", rand.Text(), "cn-north-1"}
	key := make([]byte, 32)
	rand.Read(key)
	p.env = []string{"MINIO_ROOT_USER=" + m.User, "MINIO_ROOT_PASSWORD=" + m.Password, "MINIO_BROWSER=off",
		"MINIO_SITE_REGION=" + m.Region,
		"MINIO_KMS_SECRET_KEY=parley:" + base64.StdEncoding.EncodeToString(key)}
	p.command = []string{server, "server", "--quiet", "--address", p.Addr, filepath.Join(p.Dir, "data")}
	p.answers = m.ready
	return m, p.Start(ctx)
}

// cached is where .ci/setup puts what it builds.
func cached() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "/nonexistent"
	}
	return filepath.Join(cache, "parley", "bin")
}

func (m *Minio) ready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.Addr+"/minio/health/ready", nil)
	if err != nil {
		return err
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return err
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("minio answers %d", res.StatusCode)
	}
	return nil
}

var sharedMinio = sync.OnceValues(func() (*Minio, error) { return StartMinio(context.Background()) })

// SharedMinIO is a server that all tests of the process share: none may kill it, and each makes buckets of its own names.
func SharedMinIO(t testing.TB) *Minio {
	t.Helper()
	m, err := sharedMinio()
	need(t, err)
	return m
}

// MinIO starts a server for the test.
func MinIO(t testing.TB) *Minio {
	t.Helper()
	m, err := StartMinio(t.Context())
	need(t, err)
	closed(t, m.Process)
	return m
}
