package db

import (
	"testing"
	"time"

	"parley/internal/identity"
)

func TestRevocations(t *testing.T) { // T7
	onEachEngine(t, revocations)
}

func revocations(t *testing.T, e engine) {
	at := time.Date(2026, 7, 1, 8, 30, 0, 0, time.UTC)
	open := e.reopener(t)
	d := open()
	for _, r := range []identity.Revocation{
		{User: "u1", Before: at},
		{User: "u1", Before: at.Add(-time.Hour)}, // an earlier one takes nothing back
		{TokenID: "t1", Before: at.Add(time.Hour)},
	} {
		if err := d.Revocations().Revoke(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	s := open().Revocations()
	for name, test := range map[string]struct {
		user   identity.UserID
		token  string
		issued time.Time
		want   bool
	}{
		"issued before":              {"u1", "x", at.Add(-time.Minute), true},
		"issued long before":         {"u1", "x", at.Add(-100 * time.Hour), true},
		"issued in the same second":  {"u1", "x", at, true},
		"issued later":               {"u1", "x", at.Add(time.Second), false},
		"another user":               {"u2", "x", at.Add(-time.Minute), false},
		"the token":                  {"u2", "t1", at, true},
		"another token":              {"u2", "t2", at, false},
		"a user named as the token":  {"t1", "x", at, false},
		"a token named as the user":  {"u2", "u1", at.Add(-time.Minute), false},
		"a user with a made-up name": {"' OR 1=1 --", "x", at.Add(-time.Minute), false},
	} {
		if got, err := s.Revoked(t.Context(), test.user, test.token, test.issued); err != nil || got != test.want {
			t.Errorf("%s: %v, %v; want %v", name, got, err, test.want)
		}
	}
}

func TestARevocationMustNameOneThingAndAMoment(t *testing.T) {
	s := openTest(t).Revocations()
	for _, r := range []identity.Revocation{{}, {User: "u"}, {Before: time.Now()}, {User: "u", TokenID: "t", Before: time.Now()}} {
		if err := s.Revoke(t.Context(), r); err == nil {
			t.Errorf("%+v was accepted", r)
		}
	}
}
