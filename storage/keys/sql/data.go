package sql

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"parley/storage/keys"
	"parley/storage/keys/wrap"
)

// tries bounds how often a call starts anew because a rotation went on under it.
const tries = 5

// Create implements [keys.Vault]. A crash of node or database leaves the whole row or none; a call that failed may have
// made the key, and repeating it returns that key.
func (v *Vault) Create(ctx context.Context, n keys.Name) (keys.Key, error) {
	return v.withName(ctx, "create", n, func(ctx context.Context, name wrap.NameHash) (keys.Key, error) {
		key, err := v.load(ctx, name)
		if errors.Is(err, keys.ErrNotFound) {
			return v.make(ctx, name)
		}
		return key, err
	})
}

// Open implements [keys.Vault].
func (v *Vault) Open(ctx context.Context, n keys.Name) (keys.Key, error) {
	return v.withName(ctx, "open", n, v.load)
}

func (v *Vault) withName(ctx context.Context, verb string, n keys.Name, f func(context.Context, wrap.NameHash) (keys.Key, error)) (keys.Key, error) {
	name, err := v.names.Hash(n)
	if err != nil {
		return keys.Key{}, fmt.Errorf("%s key: %w", verb, err)
	}
	if key, ok := v.cache.Get(name); ok && v.fresh() && v.usable(ctx) == nil {
		return key, nil
	}
	var key keys.Key
	err = v.call(ctx, func(ctx context.Context) error {
		key, err = f(ctx, name)
		return err
	})
	if err != nil {
		return keys.Key{}, fmt.Errorf("%s key: %w", verb, err)
	}
	return key, nil
}

// load returns the key of a name, from memory if what is there is still true.
func (v *Vault) load(ctx context.Context, name wrap.NameHash) (keys.Key, error) {
	if err := v.refresh(ctx, v.cfg.Revalidate); err != nil {
		return keys.Key{}, err
	}
	if key, ok := v.cache.Get(name); ok {
		return key, nil
	}
	for range tries {
		epoch := v.cache.Epoch()
		sealed, err := v.read(ctx, name)
		if err != nil {
			return keys.Key{}, err
		}
		ring := v.ring.Load()
		if generation, ok := wrap.GenerationOf(sealed); ok && !ring.Has(generation) {
			if err := v.refresh(ctx, 0); err != nil {
				return keys.Key{}, err
			}
			continue // the row may be wrapped anew by now
		}
		key, err := ring.OpenKey(sealed, name)
		if err == nil {
			v.cache.Put(name, key, epoch)
		}
		return key, err
	}
	return keys.Key{}, wrap.ErrDamaged
}

func (v *Vault) read(ctx context.Context, name wrap.NameHash) (sealed []byte, err error) {
	err = v.pool.QueryRow(ctx, "SELECT sealed FROM vault_keys WHERE name = $1", name[:]).Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, keys.ErrNotFound
	}
	return sealed, stored(err)
}

// make inserts a new key. If another node was faster, or this call before its connection broke, that key is returned.
func (v *Vault) make(ctx context.Context, name wrap.NameHash) (keys.Key, error) {
	key, epoch := wrap.NewSecret(), v.cache.Epoch()
	var made bool
	err := v.whileGenerationsChange(ctx, func(ring *wrap.Ring) error {
		tag, err := v.pool.Exec(ctx, "INSERT INTO vault_keys (name, generation, sealed) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
			name[:], ring.Newest(), ring.Seal(wrap.Data, name, key[:]))
		made = tag.RowsAffected() == 1
		return stored(err)
	})
	switch {
	case err != nil:
		return keys.Key{}, err
	case !made:
		return v.load(ctx, name)
	}
	v.cache.Put(name, key, epoch)
	v.created.Inc()
	return key, nil
}

// whileGenerationsChange repeats a statement whose generation was dropped before it came.
func (v *Vault) whileGenerationsChange(ctx context.Context, f func(*wrap.Ring) error) error {
	for i := 0; ; i++ {
		err := f(v.ring.Load())
		if !dropped(err) || i == tries {
			return err
		}
		if err := v.refresh(ctx, 0); err != nil {
			return err
		}
	}
}

// Destroy implements [keys.Vault]. The tombstone and its number become durable in one step. A call that failed may have
// taken effect.
func (v *Vault) Destroy(ctx context.Context, n keys.Name) error {
	name, err := v.names.Hash(n)
	if err == nil {
		err = v.call(ctx, func(ctx context.Context) error { return v.bury(ctx, []wrap.Buried{{Name: name}}) })
	}
	if err != nil {
		return fmt.Errorf("destroy key: %w", err)
	}
	return nil
}

// buryRows puts tombstones in the place of keys, or where there never was one. What is buried already is not touched.
const buryRows = `WITH number AS (UPDATE vault_burials SET last = last + cardinality($1::BYTEA[]) RETURNING last)
	INSERT INTO vault_keys (name, generation, sealed, burial, destroyed_us)
	SELECT t.name, $3, t.sealed, number.last - t.place + 1, CASE t.at WHEN 0 THEN ` + now + ` ELSE t.at END
	FROM number, unnest($1::BYTEA[], $2::BYTEA[], $4::BIGINT[]) WITH ORDINALITY AS t (name, sealed, at, place)
	ON CONFLICT (name) DO UPDATE SET generation = excluded.generation, sealed = excluded.sealed,
		burial = excluded.burial, destroyed_us = excluded.destroyed_us
	WHERE vault_keys.burial IS NULL`

// bury destroys keys, each named once. A zero moment means now.
func (v *Vault) bury(ctx context.Context, graves []wrap.Buried) error {
	names, at := make([][]byte, len(graves)), make([]int64, len(graves))
	hashes := make([]wrap.NameHash, len(graves))
	for i, g := range graves {
		names[i], at[i], hashes[i] = g.Name[:], wrap.Micros(g.At), g.Name
	}
	v.cache.Remove(hashes...)
	there, err := v.buried(ctx, names)
	if err != nil || there == len(graves) {
		return err
	}
	err = v.whileGenerationsChange(ctx, func(ring *wrap.Ring) error {
		sealed := make([][]byte, len(graves))
		for i, g := range graves {
			sealed[i] = ring.Seal(wrap.Tombstone, g.Name, nil)
		}
		batch := &pgx.Batch{} // one implicit transaction
		batch.Queue(buryRows, names, sealed, ring.Newest(), at)
		batch.Queue("SELECT pg_notify($1, '')", channel)
		return stored(v.pool.SendBatch(ctx, batch).Close())
	})
	v.cache.Remove(hashes...) // of what was read before the commit
	v.soil()
	if err == nil {
		v.destroyed.Add(float64(len(graves) - there))
	}
	return err
}

// buried counts those of the names that have a tombstone. Names that were never used count as not buried.
func (v *Vault) buried(ctx context.Context, names [][]byte) (n int, err error) {
	err = v.pool.QueryRow(ctx, "SELECT count(*) FROM vault_keys WHERE name = ANY ($1) AND burial IS NOT NULL", names).Scan(&n)
	return n, stored(err)
}
