package server

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"parley/internal/identity"
	"parley/internal/testenv/engines"
	"parley/storage/object/s3"
)

func TestANodeStartsWithoutItsStoreOnlyIfItHasProvedItBefore(t *testing.T) {
	m := engines.MinIO(t)
	writer, reader := m.Buckets(t, "parley")
	cfg := Config{
		HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", UDP: netip.MustParseAddrPort("127.0.0.1:0"), UDPWorkers: 1, Data: t.TempDir(),
		Engines: Engines{S3: m.URL("parley"), Writer: s3.NewCredential(writer.Key, writer.Secret), Reader: s3.NewCredential(reader.Key, reader.Secret)},
		Tokens:  identity.VerifierConfig{Keys: map[string][]byte{"k": []byte("a secret that stands in a test only")}},
		Log:     slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	start := func() (*Server, error) {
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return s, s.Open(t.Context())
	}
	away(t, m, func() {
		if s, err := start(); err == nil {
			s.Close()
			t.Error("a node starts with a store that nobody ever proved")
		}
	})
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	away(t, m, func() {
		if s, err = start(); err != nil {
			t.Fatalf("a node does not start while its store is away: %v", err)
		}
		if err := s.node.objects.Put(t.Context(), "part/a", []byte("a")); err == nil {
			t.Error("a store that is away has taken something")
		}
	})
	s.start()
	defer s.Close()
	for end := time.Now().Add(60 * time.Second); s.node.objects.Put(t.Context(), "part/a", []byte("a")) != nil; <-time.After(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a store that is back is not used")
		}
	}
}

// away runs f while the store is.
func away(t *testing.T, m *engines.Minio, f func()) {
	t.Helper()
	if err := m.Kill(); err != nil {
		t.Fatal(err)
	}
	f()
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}
