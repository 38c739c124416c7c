package db

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"parley/internal/identity"
	"parley/internal/identity/grant"
	"parley/internal/identity/grant/granttest"
)

func TestGrantsKeepTheContract(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		granttest.Run(t, func(t *testing.T) granttest.Opened { return aging(t, e.open(t)) })
	})
}

// aging has time pass by making all grants older.
func aging(t *testing.T, d *DB) granttest.Opened {
	return granttest.Opened{Store: d.Grants(), Pass: func(by time.Duration) {
		exec(t, d, `UPDATE grants SET used_us = used_us - $1, ends_us = ends_us - $1, last_us = last_us - $1`, by.Microseconds())
	}}
}

func TestAGrantHoldsAfterARestart(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		open := e.reopener(t)
		r := grant.Row{Word: grant.Hash{1}, Owner: grant.Hash{2}, Until: time.Now().Add(time.Hour), Sealed: []byte("sealed")}
		if err := open().Grants().Give(t.Context(), []grant.Row{r}); err != nil {
			t.Fatal(err)
		}
		if used, err := open().Grants().Use(t.Context(), r.Word); err != nil || string(used.Sealed) != "sealed" {
			t.Errorf("%q, %v", used.Sealed, err)
		}
	})
}

func TestEndedGrantsAreDeletedByTheNext(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		s := aging(t, d)
		give := func(i int) {
			r := grant.Row{Word: grant.Hash{1, byte(i)}, Owner: grant.Hash{byte(i)}, Until: time.Now().Add(time.Hour)}
			if err := s.Give(t.Context(), []grant.Row{r}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 10 {
			give(i)
		}
		s.Pass(grant.Start)
		give(10)
		var n int
		if err := d.read.QueryRow(`SELECT COUNT(*) FROM grants`).Scan(&n); err != nil || n != 1 {
			t.Errorf("%d rows, %v; want 1", n, err)
		}
	})
}

// Two nodes, and whoever reads the tables (A4).
func TestAGrantIsGoodOnEveryNodeAndReadableOnNone(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		node := func() *grant.Grants {
			return grant.New(grant.Config{Store: d.Grants(), Revocations: d.Revocations(), Key: fixedKey})
		}
		a, b := node(), node()
		p := identity.Principal{User: "u-secret", Role: identity.Candidate, TokenID: "t-secret", Issued: time.Now().Truncate(time.Second),
			Expires: time.Now().Add(time.Hour)}
		words, err := a.Give(t.Context(), p, grant.Seat{Interview: "i-secret", Recording: "r-secret", Side: "side-secret"})
		if err != nil {
			t.Fatal(err)
		}
		seat, err := b.Use(t.Context(), words[0])
		if err != nil || seat.By.User != p.User || !seat.By.Issued.Equal(p.Issued) || seat.Recording != "r-secret" || seat.Side != "side-secret" {
			t.Errorf("on the other node: %+v, %v", seat, err)
		}
		readable(t, d, words[0], "secret")
		if err := d.Revocations().Revoke(t.Context(), identity.Revocation{User: p.User, Before: time.Now()}); err != nil {
			t.Fatal(err)
		}
		b.Drop(identity.Revocation{User: p.User})
		for name, g := range map[string]*grant.Grants{"the node that was told": b, "a node that never saw it": node()} {
			if _, err := g.Use(t.Context(), words[0]); !errors.Is(err, grant.ErrEnded) {
				t.Errorf("%s: after a revocation %v (T7)", name, err)
			}
		}
	})
}

// readable expects that the table of grants holds none of the words.
func readable(t *testing.T, d *DB, words ...string) {
	t.Helper()
	var word, owner, sealed []byte
	if err := d.read.QueryRow(`SELECT word, owner, sealed FROM grants`).Scan(&word, &owner, &sealed); err != nil {
		t.Fatal(err)
	}
	for _, w := range words {
		if bytes.Contains(fmt.Append(nil, string(word), string(owner), string(sealed)), []byte(w)) {
			t.Errorf("the table tells %q", w)
		}
	}
}

func fixedKey(context.Context) ([32]byte, error) { return [32]byte{1}, nil }
