package sql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"parley/storage/keys"
	"parley/storage/keys/wrap"
)

// rotateBatch is how many rows are wrapped anew in one transaction. Their keys can't be destroyed meanwhile.
const rotateBatch = 500

// RotateRoot implements [keys.Rotator]. Nodes stay in use: they open by either generation, take up the new one within
// [Config.Revalidate], and the database refuses to drop a generation that a row refers to. A crash leaves
//
//	before the new generation is committed   everything as it was
//	between two batches                      rows of two generations, which every node opens
//	before the old ones are dropped          generations that nothing refers to
//
// and the next call, by any node, goes on from there. Its time is not bounded by [Config.Timeout].
func (v *Vault) RotateRoot(ctx context.Context) error {
	if err := v.usable(ctx); err != nil {
		return fmt.Errorf("rotate root key: %w", err)
	}
	if err := v.alone(ctx, v.rotate); err != nil {
		return fmt.Errorf("rotate root key: %w", err)
	}
	return nil
}

// alone runs f while no other node does; the lock ends with the connection.
func (v *Vault) alone(ctx context.Context, f func(context.Context) error) error {
	c, err := v.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(c)
	var free bool
	if err := c.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(lockRotation)).Scan(&free); err != nil {
		return stored(err)
	}
	if !free {
		return ErrRotating
	}
	return f(ctx)
}

func (v *Vault) rotate(ctx context.Context) error {
	if err := v.refresh(ctx, 0); err != nil {
		return err
	}
	if err := v.newGeneration(ctx); err != nil {
		return err
	}
	if err := v.step("generation made"); err != nil {
		return err
	}
	if err := v.refresh(ctx, 0); err != nil {
		return err
	}
	if err := v.finish(ctx); err != nil {
		return err
	}
	if err := v.step("old generations dropped"); err != nil {
		return err
	}
	v.soil()
	return v.refresh(ctx, 0)
}

// finish wraps everything by the newest generation and drops the others. A node that has not heard of it, as it will
// have within Revalidate, may add rows of an old one meanwhile; the database tells then, and what came is wrapped, too.
func (v *Vault) finish(ctx context.Context) error {
	const pause = 50 * time.Millisecond
	for heard := time.Now().Add(2 * v.cfg.Revalidate); ; {
		if err := v.resealAll(ctx); err != nil {
			return err
		}
		if err := v.step("rows wrapped"); err != nil {
			return err
		}
		err := v.dropGenerations(ctx)
		if !dropped(err) || time.Now().After(heard) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// newGeneration makes a generation that only the root key at hand opens, unless a rotation that was cut short made one.
func (v *Vault) newGeneration(ctx context.Context) error {
	return v.changeSecrets(ctx, func(tx pgx.Tx) error {
		all, err := generations(ctx, tx)
		if err != nil {
			return err
		}
		newest := all[len(all)-1]
		if len(newest.Roots) == 0 || newest.Roots[len(newest.Roots)-1] != v.cfg.Root.ID() {
			return keys.ErrSucceeded
		}
		if len(all) > 1 && len(newest.Roots) == 1 {
			return nil
		}
		return v.addGeneration(ctx, tx, newest.Number+1, wrap.NewSecret())
	})
}

// resealAll wraps everything by the newest generation.
func (v *Vault) resealAll(ctx context.Context) error {
	ring := v.ring.Load()
	if err := v.changeSecrets(ctx, func(tx pgx.Tx) error { return resealSecrets(ctx, tx, ring) }); err != nil {
		return err
	}
	if err := v.step("secrets wrapped"); err != nil {
		return err
	}
	damaged, after := 0, []byte{}
	for after != nil {
		err := v.tx(ctx, func(tx pgx.Tx) error {
			bad, last, err := resealBatch(ctx, tx, ring, after, v.batch)
			damaged, after = damaged+bad, last
			return err
		})
		if err != nil {
			return err
		}
		if err := v.step("batch wrapped"); err != nil {
			return err
		}
	}
	if damaged > 0 {
		return fmt.Errorf("%d keys could not be unwrapped, so their generation stays: %w", damaged, wrap.ErrDamaged)
	}
	return nil
}

// resealSecrets wraps the names key and the signing key.
func resealSecrets(ctx context.Context, tx pgx.Tx, ring *wrap.Ring) error {
	var sealed, public, seed []byte
	err := tx.QueryRow(ctx, "SELECT n.sealed, s.public, s.sealed FROM vault_names n, vault_signing s WHERE s.until_us = 0").Scan(&sealed, &public, &seed)
	if err != nil {
		return stored(err)
	}
	if sealed, err = ring.Reseal(sealed, wrap.NameHash{}, wrap.NamesKey); err != nil {
		return fmt.Errorf("names key: %w", err)
	}
	if seed, err = ring.Reseal(seed, bindPublic(public), wrap.Signing); err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	_, err = tx.Exec(ctx, "UPDATE vault_names SET generation = $1, sealed = $2", ring.Newest(), sealed)
	if err == nil {
		_, err = tx.Exec(ctx, "UPDATE vault_signing SET generation = $1, sealed = $2 WHERE public = $3", ring.Newest(), seed, public)
	}
	return stored(err)
}

// resealBatch wraps some rows whose names come after one, and returns the last of them; nil when there are no more.
func resealBatch(ctx context.Context, tx pgx.Tx, ring *wrap.Ring, after []byte, size int) (damaged int, last []byte, err error) {
	rows, err := tx.Query(ctx, "SELECT name, sealed FROM vault_keys WHERE generation < $1 AND name > $2 ORDER BY name LIMIT $3 FOR UPDATE",
		ring.Newest(), after, size)
	if err != nil {
		return 0, nil, stored(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Name, Sealed []byte }])
	if err != nil || len(found) == 0 {
		return 0, nil, stored(err)
	}
	var names, sealed [][]byte
	for _, row := range found {
		again, err := ring.Reseal(row.Sealed, wrap.NameHash(row.Name), wrap.Data, wrap.Tombstone)
		if err != nil {
			damaged++
			continue
		}
		names, sealed = append(names, row.Name), append(sealed, again)
	}
	_, err = tx.Exec(ctx, `UPDATE vault_keys k SET generation = $1, sealed = t.sealed
		FROM unnest($2::BYTEA[], $3::BYTEA[]) AS t (name, sealed) WHERE k.name = t.name`, ring.Newest(), names, sealed)
	return damaged, found[len(found)-1].Name, stored(err)
}

// dropGenerations deletes the former generations with all that opens them.
func (v *Vault) dropGenerations(ctx context.Context) error {
	newest := v.ring.Load().Newest()
	return v.changeSecrets(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM vault_generations WHERE generation < $1", newest)
		return stored(err)
	})
}

// Admit implements [keys.Rotator]. It is one step.
func (v *Vault) Admit(ctx context.Context, next keys.Root) error {
	err := v.call(ctx, func(ctx context.Context) error {
		if err := v.refresh(ctx, 0); err != nil {
			return err
		}
		return v.changeSecrets(ctx, func(tx pgx.Tx) error { return v.admit(ctx, tx, next) })
	})
	if err != nil {
		return fmt.Errorf("admit root key: %w", err)
	}
	return nil
}

func (v *Vault) admit(ctx context.Context, tx pgx.Tx, next keys.Root) error {
	all, err := generations(ctx, tx)
	if err != nil {
		return err
	}
	ring := v.ring.Load()
	for _, g := range all {
		if !ring.Has(g.Number) {
			return errors.New("a rotation went on meanwhile; try again")
		}
		wrapped, err := next.Wrap(ctx, ring.Secret(g.Number), wrap.Bound(g.Number))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO vault_roots (generation, root, position, wrapped)
			SELECT $1, $2, max(position) + 1, $3 FROM vault_roots WHERE generation = $1
			ON CONFLICT (generation, root) DO UPDATE SET position = excluded.position, wrapped = excluded.wrapped`, g.Number, next.ID(), wrapped)
		if err != nil {
			return stored(err)
		}
	}
	return nil
}

// Generations implements [keys.Rotator].
func (v *Vault) Generations(ctx context.Context) (list []keys.Generation, err error) {
	err = v.call(ctx, func(ctx context.Context) error {
		return v.tx(ctx, func(tx pgx.Tx) error {
			list, err = generations(ctx, tx)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	return list, nil
}

func generations(ctx context.Context, tx pgx.Tx) ([]keys.Generation, error) {
	rows, err := tx.Query(ctx, `SELECT g.generation,
		coalesce((SELECT array_agg(r.root ORDER BY r.position) FROM vault_roots r WHERE r.generation = g.generation), '{}'),
		(SELECT count(*) FROM vault_keys k WHERE k.generation = g.generation)
		FROM vault_generations g ORDER BY g.generation`)
	if err != nil {
		return nil, stored(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[keys.Generation])
	if err == nil && len(list) == 0 {
		err = errors.New("the vault has no generation: restore it from its backup")
	}
	return list, err
}
