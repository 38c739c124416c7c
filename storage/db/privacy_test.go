package db

import (
	"path/filepath"
	"testing"

	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/internal/privacy/privacytest"
)

// open makes a fresh database that is closed with the test.
func openPrivacy(t *testing.T) *DB {
	t.Helper()
	d, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestConsentsKeepTheContract(t *testing.T) {
	privacytest.Store(t, func(t *testing.T) privacy.Store { return openPrivacy(t).Consents() })
}

func TestConsentsCannotBeChangedInTheDatabase(t *testing.T) {
	d := openPrivacy(t)
	e := privacy.Entry{Purpose: policy.PrivacyPolicy, Kind: privacy.Agreed, Sealed: []byte{1}}
	if _, err := d.Consents().Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"UPDATE consents SET kind = 'withdraw'", "DELETE FROM consents"} {
		if _, err := d.write.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s: went through", statement)
		}
	}
	if _, found, err := d.Consents().Last(t.Context(), e.Subject, e.Purpose, ""); !found || err != nil {
		t.Errorf("entry: found %v, err %v", found, err)
	}
}
