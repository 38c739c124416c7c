package db

import (
	"testing"

	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/internal/privacy/privacytest"
)

func TestConsentsKeepTheContract(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		privacytest.Store(t, func(t *testing.T) privacy.Store { return e.open(t).Consents() })
	})
}

func TestConsentsCannotBeChangedInTheDatabase(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		e := privacy.Entry{Purpose: policy.PrivacyPolicy, Kind: privacy.Agreed, Sealed: []byte{1}}
		if _, err := d.Consents().Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		refuses(t, d, "UPDATE consents SET kind = 'withdraw'", "DELETE FROM consents")
		refusesOn(t, d, postgresDialect, "TRUNCATE consents", "UPDATE consents SET kind = 'withdraw' WHERE seq = 99")
		if _, found, err := d.Consents().Last(t.Context(), e.Subject, e.Purpose, ""); !found || err != nil {
			t.Errorf("entry: found %v, err %v", found, err)
		}
	})
}
