package recording_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"parley/internal/testenv/engines"
	"parley/recording"
	"parley/recording/recordingtest"
	"parley/storage/keys/keystest"
	"parley/storage/object"
	"parley/storage/object/s3"
)

// onMinio is a node whose objects are in a locked store that its writer can only put to.
func onMinio(t *testing.T, m *engines.Minio, writer, reader engines.Credential) (open func() object.Bucket) {
	t.Helper()
	return func() object.Bucket {
		b, err := s3.Open(t.Context(), s3.Config{URL: m.URL("parley"), Region: m.Region,
			Classes: map[string]s3.Class{"part": {Days: 1}, "recording": {Days: 1}},
			Writer:  s3.NewCredential(writer.Key, writer.Secret), Reader: s3.NewCredential(reader.Key, reader.Secret)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		return b
	}
}

// TestOnMinio records into a real store that locks what it is given, kills it for a while, loses the node, and has
// another one finish.
func TestOnMinio(t *testing.T) {
	m := engines.MinIO(t)
	writer, reader := m.Buckets(t, "parley")
	open := onMinio(t, m, writer, reader)
	store, vault := recordingtest.NewStore(), keystest.New()
	node := func(name string, bucket object.Bucket) *recording.Recorder {
		return recording.New(recording.Config{Dir: t.TempDir(), Store: store, Bucket: bucket, Vault: vault, Node: name,
			Build: "test", UploadEvery: 500 * time.Millisecond, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), AdoptAfter: time.Second,
			Alive: func(_ context.Context, n string) (bool, error) { return n == name, nil }})
	}
	n1 := node("n1", open())
	rec, err := n1.Start(t.Context(), spec())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n1.Run(ctx) }()
	live(t, rec, 2*time.Second)
	if err := m.Kill(); err != nil {
		t.Fatal(err)
	}
	live(t, rec, time.Second)
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	live(t, rec, 3*time.Second)
	lost := time.Since(rec.Started())
	// From here on n2 is the owner: n1 is thought dead.
	ctx2, cancel2 := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel2()
	n2 := node("n2", open())
	ended2 := make(chan error, 1)
	go func() { ended2 <- n2.Run(ctx2) }()
	for {
		row, err := store.Get(t.Context(), rec.ID())
		if err != nil || ctx2.Err() != nil {
			t.Fatal(err, ctx2.Err())
		}
		if row.Stored {
			break
		}
		live(t, rec, 100*time.Millisecond)
	}
	_, err = rec.Stop(t.Context(), "hangup")
	wantFenced(t, err)
	wantFromMinio(t, n2, vault, rec.ID(), lost)
	cancel()
	cancel2()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := <-ended2; err != nil {
		t.Error(err)
	}
}

func wantFromMinio(t *testing.T, n *recording.Recorder, vault *keystest.Memory, id recording.ID, lost time.Duration) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bundle")
	if err := n.ExportDir(t.Context(), id, dir); err != nil {
		t.Fatal(err)
	}
	pub, err := vault.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := recording.Verify(os.DirFS(dir), pub)
	if err != nil {
		t.Fatal(err)
	}
	wantIntact(t, r)
	i, err := n.Info(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	last := i.Participants[0].Start + i.Participants[0].Duration
	if t.Logf("thought dead at %v, kept up to %v", lost, last); lost-last > 5*time.Second || r.Reason != recording.Adopted {
		t.Errorf("lost at %v, kept up to %v, ended %s", lost, last, r.Reason)
	}
}
