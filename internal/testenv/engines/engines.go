package engines

import (
	"errors"
	"os"
	"testing"
)

// need ends a test whose engine could not be started: skipped if it is not installed here, failed otherwise.
func need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrMissing) && os.Getenv("CI") != "true":
		t.Skipf("%v; .ci/setup installs it", err)
	default:
		t.Fatal(err)
	}
}

func closed(t testing.TB, p *Process) {
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close engine: %v", err)
		}
	})
}
