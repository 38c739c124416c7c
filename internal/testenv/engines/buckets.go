package engines

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/lifecycle"

	policies "parley/deploy/s3"
)

// Credential is a user of a MinIO server.
type Credential struct{ Key, Secret string }

// lockDays are the default locks that the product wants of each class.
var lockDays = map[string]uint{"attachment": 180, "part": 7, "recording": 180}

// lifecycles are those of deploy/s3.
var lifecycles = map[string][]byte{"attachment": policies.AttachmentLifecycle, "part": policies.PartLifecycle, "recording": policies.RecordingLifecycle}

// Buckets makes a store on the server as an operator would: for each class a bucket name-attachment, name-part, name-recording
// with versions and the default COMPLIANCE lock that the product wants, a user who may only put and one who may only read, by
// the policies of deploy/s3.
func (m *Minio) Buckets(t testing.TB, name string) (writer, reader Credential) {
	t.Helper()
	writer, reader, err := m.MakeBuckets(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return writer, reader
}

// MakeBuckets is [Minio.Buckets] for programs.
func (m *Minio) MakeBuckets(ctx context.Context, name string) (writer, reader Credential, err error) {
	for class, rules := range lifecycles {
		err = errors.Join(err, m.lockedBucket(ctx, name+"-"+class, lockDays[class], rules))
	}
	writer, reader = Credential{name + "-writer", rand.Text()}, Credential{name + "-reader", rand.Text()}
	err = errors.Join(err, m.Grant(ctx, writer, Policy(policies.WriterPolicy, name)), m.Grant(ctx, reader, Policy(policies.ReaderPolicy, name)))
	return writer, reader, err
}

// Policy is a policy of deploy/s3 for a store of another name.
func Policy(policy []byte, name string) []byte {
	return bytes.ReplaceAll(policy, []byte(":::parley-"), []byte(":::"+name+"-"))
}

// URL is the endpoint of a store on the server.
func (m *Minio) URL(name string) string { return "http://" + m.Addr + "/" + name }

// Owner is a client that may do everything.
func (m *Minio) Owner() (*minio.Client, error) {
	return minio.New(m.Addr, &minio.Options{Creds: credentials.NewStaticV4(m.User, m.Password, ""), Region: m.Region,
		Transport: &http.Transport{DisableKeepAlives: true}}) // leaves no goroutine to a test
}

func (m *Minio) lockedBucket(ctx context.Context, name string, days uint, rules []byte) error {
	owner, err := m.Owner()
	if err != nil {
		return err
	}
	if err := owner.MakeBucket(ctx, name, minio.MakeBucketOptions{Region: m.Region, ObjectLocking: true}); err != nil {
		return fmt.Errorf("make bucket %s: %w", name, err)
	}
	mode, unit := minio.Compliance, minio.Days
	if err := owner.SetObjectLockConfig(ctx, name, &mode, &days, &unit); err != nil {
		return fmt.Errorf("lock bucket %s: %w", name, err)
	}
	var config lifecycle.Configuration
	if err := json.Unmarshal(rules, &config); err != nil {
		return fmt.Errorf("read lifecycle of %s: %w", name, err)
	}
	if err := owner.SetBucketLifecycle(ctx, name, &config); err != nil {
		return fmt.Errorf("set lifecycle of %s: %w", name, err)
	}
	return nil
}

// MC is the path of MinIO's client, of which Debian has none (its mc is a file manager).
func MC(t testing.TB) string {
	t.Helper()
	path := filepath.Join(cached(), "mc")
	if _, err := os.Stat(path); err != nil {
		need(t, fmt.Errorf("%w: mc", ErrMissing))
	}
	return path
}
