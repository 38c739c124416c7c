package sql

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"parley/storage/keys"
	"parley/storage/keys/wrap"
)

// now is the database's clock in microseconds since 1970.
const now = "(extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT"

// makeFirst makes the keys of a new vault: the first generation, the names key and the signing key.
func (v *Vault) makeFirst(ctx context.Context, tx pgx.Tx) error {
	var there bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM vault_generations)").Scan(&there); err != nil || there {
		return stored(err)
	}
	const first = 1
	secret, names := wrap.NewSecret(), wrap.NewSecret()
	ring, err := wrap.NewRing(map[uint32]keys.Key{first: secret})
	if err != nil {
		return err
	}
	if err := v.addGeneration(ctx, tx, first, secret); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO vault_names (one, generation, sealed) VALUES (true, $1, $2)",
		first, ring.Seal(wrap.NamesKey, wrap.NameHash{}, names[:]))
	if err == nil {
		_, err = tx.Exec(ctx, "INSERT INTO vault_burials (one, last) VALUES (true, 0)")
	}
	if err != nil {
		return stored(err)
	}
	return addSigner(ctx, tx, ring)
}

// addGeneration inserts a generation that only the root key at hand opens.
func (v *Vault) addGeneration(ctx context.Context, tx pgx.Tx, generation uint32, secret keys.Key) error {
	wrapped, err := v.cfg.Root.Wrap(ctx, secret, wrap.Bound(generation))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO vault_generations (generation, made_us) VALUES ($1, "+now+")", generation)
	if err == nil {
		_, err = tx.Exec(ctx, "INSERT INTO vault_roots (generation, root, position, wrapped) VALUES ($1, $2, 1, $3)",
			generation, v.cfg.Root.ID(), wrapped)
	}
	return stored(err)
}

// envelope is a generation's secret as the root key at hand wrapped it; nil if it did not.
type envelope struct {
	Generation uint32
	Wrapped    []byte
}

// loadRing opens the generations that there are. Those that are in memory are not unwrapped again.
func (v *Vault) loadRing(ctx context.Context) error {
	rows, err := v.pool.Query(ctx, `SELECT g.generation, r.wrapped FROM vault_generations g
		LEFT JOIN vault_roots r ON r.generation = g.generation AND r.root = $1 ORDER BY g.generation`, v.cfg.Root.ID())
	if err != nil {
		return stored(err)
	}
	envelopes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[envelope])
	if err != nil {
		return stored(err)
	}
	secrets := map[uint32]keys.Key{}
	old := v.ring.Load()
	for _, e := range envelopes {
		if secrets[e.Generation], err = v.unwrap(ctx, old, e); err != nil {
			return err
		}
	}
	ring, err := wrap.NewRing(secrets)
	if err != nil {
		return err
	}
	v.ring.Store(ring)
	return nil
}

func (v *Vault) unwrap(ctx context.Context, known *wrap.Ring, e envelope) (keys.Key, error) {
	switch {
	case e.Wrapped == nil:
		return keys.Key{}, fmt.Errorf("root key %s does not belong to this vault, whose keys are wrapped by another: %w", v.cfg.Root, keys.ErrForeignRoot)
	case known != nil && known.Has(e.Generation):
		return known.Secret(e.Generation), nil
	}
	return v.cfg.Root.Unwrap(ctx, e.Wrapped, wrap.Bound(e.Generation))
}

func (v *Vault) loadNames(ctx context.Context) error {
	var sealed []byte
	err := v.pool.QueryRow(ctx, "SELECT sealed FROM vault_names").Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return errors.New("names key: it is missing: restore the vault from its backup")
	}
	if err != nil {
		return stored(err)
	}
	_, key, err := v.ring.Load().Open(sealed, wrap.NameHash{}, wrap.NamesKey)
	if err != nil || len(key) != len(keys.Key{}) {
		return fmt.Errorf("names key: %w", wrap.ErrDamaged)
	}
	v.names, err = wrap.NewNames(keys.Key(key))
	return err
}
