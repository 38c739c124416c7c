package db

import (
	"testing"

	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/internal/privacy/privacytest"
)

func TestConsentsKeepTheContract(t *testing.T) {
	privacytest.Store(t, func(t *testing.T) privacy.Store { return openTest(t).Consents() })
}

func TestConsentsCannotBeChangedInTheDatabase(t *testing.T) {
	d := openTest(t)
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
