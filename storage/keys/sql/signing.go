package sql

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"

	"github.com/jackc/pgx/v5"

	"parley/storage/keys"
	"parley/storage/keys/wrap"
)

// signer is the signing key in memory.
type signer struct {
	key    ed25519.PrivateKey
	public ed25519.PublicKey
}

// bindPublic binds a wrapped seed to its public key.
func bindPublic(public []byte) wrap.NameHash { return wrap.NameHash(public) }

// addSigner inserts a new signing key.
func addSigner(ctx context.Context, tx pgx.Tx, ring *wrap.Ring) error {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	public := []byte(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	_, err := tx.Exec(ctx, "INSERT INTO vault_signing (public, generation, sealed, since_us) VALUES ($1, $2, $3, "+now+")",
		public, ring.Newest(), ring.Seal(wrap.Signing, bindPublic(public), seed))
	return stored(err)
}

// followSigning makes the key of that public half the one that signs.
func (v *Vault) followSigning(ctx context.Context, public []byte) error {
	if s := v.signing.Load(); s != nil && bytes.Equal(s.public, public) {
		return nil
	}
	if len(public) != ed25519.PublicKeySize {
		return fmt.Errorf("signing key: %w", wrap.ErrDamaged)
	}
	var sealed []byte
	err := v.pool.QueryRow(ctx, "SELECT coalesce(sealed, '') FROM vault_signing WHERE public = $1", public).Scan(&sealed)
	if err != nil {
		return stored(err)
	}
	if len(sealed) == 0 {
		return nil // succeeded meanwhile; the next question tells by which
	}
	_, seed, err := v.ring.Load().Open(sealed, bindPublic(public), wrap.Signing)
	if err != nil || len(seed) != ed25519.SeedSize {
		return fmt.Errorf("signing key: %w", wrap.ErrDamaged)
	}
	key := ed25519.NewKeyFromSeed(seed)
	v.signing.Store(&signer{key, key.Public().(ed25519.PublicKey)})
	return nil
}

// RotateSigning implements [keys.Rotator]. It is one step: a crash leaves the old key or the new one, and a call that
// failed may have taken effect. Other nodes sign with the old key for at most [Config.Revalidate], which its Until
// allows for.
func (v *Vault) RotateSigning(ctx context.Context) error {
	err := v.call(ctx, func(ctx context.Context) error {
		return v.whileGenerationsChange(ctx, func(ring *wrap.Ring) error { return v.succeed(ctx, ring) })
	})
	if err == nil {
		err = v.call(ctx, func(ctx context.Context) error { return v.refresh(ctx, 0) })
	}
	if err != nil {
		return fmt.Errorf("rotate signing key: %w", err)
	}
	v.soil()
	return nil
}

func (v *Vault) succeed(ctx context.Context, ring *wrap.Ring) error {
	return v.changeSecrets(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE vault_signing SET until_us = "+now+" + $1, generation = NULL, sealed = NULL WHERE until_us = 0",
			v.cfg.Revalidate.Microseconds())
		if err != nil {
			return stored(err)
		}
		return addSigner(ctx, tx, ring)
	})
}

// changeSecrets runs f in a transaction, one node at a time, and tells the others.
func (v *Vault) changeSecrets(ctx context.Context, f func(pgx.Tx) error) error {
	return v.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1), pg_notify($2, '')", int64(lockSecrets), channel); err != nil {
			return stored(err)
		}
		return f(tx)
	})
}

// PublicKeys implements [keys.Rotator].
func (v *Vault) PublicKeys(ctx context.Context) (list []keys.PublicKey, err error) {
	err = v.call(ctx, func(ctx context.Context) error {
		rows, err := v.pool.Query(ctx, "SELECT public, since_us, until_us FROM vault_signing ORDER BY position")
		if err != nil {
			return stored(err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (keys.PublicKey, error) {
			var public []byte
			var since, until int64
			err := row.Scan(&public, &since, &until)
			return keys.PublicKey{Key: public, Since: wrap.FromMicros(since), Until: wrap.FromMicros(until)}, err
		})
		return stored(err)
	})
	if err != nil {
		return nil, fmt.Errorf("list signing keys: %w", err)
	}
	return list, nil
}
