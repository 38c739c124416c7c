package engines

import (
	"bytes"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func TestBucketsHaveAWriterWhoMayOnlyPutAndAReaderWhoMayOnlyRead(t *testing.T) {
	m := MinIO(t)
	as := func(c Credential) *minio.Client {
		client, err := minio.New(m.Addr, &minio.Options{Creds: credentials.NewStaticV4(c.Key, c.Secret, ""), Region: m.Region})
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
	for _, name := range []string{"parley", "other"} {
		writer, reader := m.Buckets(t, name)
		put := func(c Credential) error {
			_, err := as(c).PutObject(t.Context(), name+"-part", "part/x!", bytes.NewReader([]byte("x")), 1, minio.PutObjectOptions{})
			return err
		}
		stat := func(c Credential) error {
			_, err := as(c).StatObject(t.Context(), name+"-part", "part/x!", minio.StatObjectOptions{})
			return err
		}
		if err := put(writer); err != nil {
			t.Errorf("the writer can't put: %v", err)
		}
		if put(reader) == nil {
			t.Error("the reader can put")
		}
		if err := stat(reader); err != nil {
			t.Errorf("the reader can't read: %v", err)
		}
		if stat(writer) == nil {
			t.Error("the writer can read")
		}
	}
}
