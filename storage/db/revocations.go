package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/internal/identity"
)

// Revocations is the store of tokens that were taken back (T7).
type Revocations struct{ db *DB }

// Revocations returns the store of revoked tokens.
func (d *DB) Revocations() *Revocations { return &Revocations{db: d} }

var _ identity.Revoker = (*Revocations)(nil)

// Revoke implements [identity.Revoker]. A repeated one only ever moves the moment forward.
func (s *Revocations) Revoke(ctx context.Context, r identity.Revocation) error {
	subject := "user/" + string(r.User)
	if r.User == "" {
		subject = "token/" + r.TokenID
	}
	if (r.User == "") == (r.TokenID == "") || r.Before.IsZero() {
		return errors.New("revoke: name a user or a token, and a moment")
	}
	_, err := s.db.write.ExecContext(ctx, `INSERT INTO revocations (subject, before_us) VALUES ($1, $2)
		ON CONFLICT (subject) DO UPDATE SET before_us = excluded.before_us
		WHERE excluded.before_us > revocations.before_us`, subject, micros(r.Before))
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	return nil
}

// Revoked implements [identity.Revocations].
func (s *Revocations) Revoked(ctx context.Context, user identity.UserID, tokenID string, issued time.Time) (bool, error) {
	var n int
	err := s.db.read.QueryRowContext(ctx,
		`SELECT COUNT(*) FROM revocations WHERE subject IN ($1, $2) AND before_us >= $3`,
		"user/"+string(user), "token/"+tokenID, micros(issued)).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("ask revocations: %w", err)
	}
	return n > 0, nil
}
