package sql

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"parley/storage/keys/wrap"
)

// ExportTombstones implements [keys.Eraser]. Moments are of the database's clock.
func (v *Vault) ExportTombstones(ctx context.Context, w io.Writer, since time.Time) (int, error) {
	if err := v.usable(ctx); err != nil {
		return 0, fmt.Errorf("export tombstones: %w", err)
	}
	rows, err := v.pool.Query(ctx, `SELECT name, destroyed_us FROM vault_keys
		WHERE burial IS NOT NULL AND destroyed_us >= $1 ORDER BY burial`, wrap.Micros(since))
	if err != nil {
		return 0, fmt.Errorf("export tombstones: %w", stored(err))
	}
	defer rows.Close()
	n, out := 0, bufio.NewWriter(w)
	_ = out.WriteByte('\n') // ends a line that was cut where this is appended
	for rows.Next() {
		var name []byte
		var us int64
		if err := rows.Scan(&name, &us); err != nil {
			return n, fmt.Errorf("export tombstones: %w", stored(err))
		}
		n++
		_, _ = out.Write(v.names.AppendLine(nil, wrap.Buried{Name: wrap.NameHash(name), At: wrap.FromMicros(us)})) // Flush tells
	}
	if err := rows.Err(); err != nil {
		return n, fmt.Errorf("export tombstones: %w", stored(err))
	}
	if err := out.Flush(); err != nil {
		return n, fmt.Errorf("export tombstones: %w", err)
	}
	return n, nil
}

// replayBatch is how many lines of a ledger are followed in one statement.
const replayBatch = 500

// ReplayTombstones implements [keys.Eraser]. When the database fails, up to one batch of the lines it counted were not
// followed.
func (v *Vault) ReplayTombstones(ctx context.Context, ledger io.Reader) (int, error) {
	graves := map[wrap.NameHash]wrap.Buried{}
	flush := func() error {
		if len(graves) == 0 {
			return nil
		}
		list := make([]wrap.Buried, 0, len(graves))
		for _, g := range graves {
			list = append(list, g)
		}
		clear(graves)
		return v.call(ctx, func(ctx context.Context) error { return v.bury(ctx, list) })
	}
	n, err := v.names.Follow(ledger, func(b wrap.Buried) error {
		graves[b.Name] = b
		if len(graves) < replayBatch {
			return nil
		}
		return flush()
	})
	if failed := flush(); failed != nil {
		err = failed
	}
	if err != nil {
		return n, fmt.Errorf("replay tombstones: %w", err)
	}
	return n, nil
}
