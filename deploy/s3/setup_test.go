package s3_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"parley/internal/testenv/engines"
	"parley/storage/object/s3"
)

// What setup.sh makes is what the server wants, also under another name and when it is run again.
func TestTheServerOpensWhatTheScriptMakes(t *testing.T) {
	mc, m := engines.MC(t), engines.MinIO(t)
	for _, name := range []string{"other", "other"} {
		script := exec.CommandContext(t.Context(), "sh", "setup.sh")
		script.Env = append(os.Environ(), "PATH="+filepath.Dir(mc)+":"+os.Getenv("PATH"), "STORE=http://"+m.Addr, "OWNER="+m.User,
			"OWNER_PASSWORD="+m.Password, "WRITER_PASSWORD=writers-password", "READER_PASSWORD=readers-password",
			"CERTIFICATES="+t.TempDir(), "PARLEY_BUCKET="+name)
		if out, err := script.CombinedOutput(); err != nil {
			t.Fatalf("setup.sh: %v\n%s", err, out)
		}
		b, err := s3.Open(t.Context(), s3.Config{URL: m.URL(name), Region: m.Region,
			Writer: s3.NewCredential(name+"-writer", "writers-password"), Reader: s3.NewCredential(name+"-reader", "readers-password")})
		if err != nil {
			t.Fatal(err)
		}
		b.Close()
	}
}
