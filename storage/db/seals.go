package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"parley/chat"
	"parley/chat/sealer"
	"parley/internal/chain"
)

// Seals is the store of seals and trees.
type Seals struct{ db *DB }

// Seals returns the store of seals and trees.
func (d *DB) Seals() *Seals { return &Seals{db: d} }

var _ sealer.Store = (*Seals)(nil)

// Commit implements [sealer.Store]. A crash before the commit leaves nothing, one after it the tree with all its seals. Of two
// nodes with the same number the second waits for the first one's commit.
func (s *Seals) Commit(ctx context.Context, t sealer.Tree) error {
	return wrap("commit tree", s.db.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO chat_trees (number, prev, root, leaves, time_us, key, signature, public, hashes)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (number) DO NOTHING`,
			int64(t.Number), t.Prev[:], t.Root[:], int64(t.Leaves), micros(t.Time), string(t.Key), t.Signature, t.PublicKey, joinHashes(t.Hashes))
		if err := all(res, err, 1, sealer.ErrTree); err != nil {
			return err
		}
		return s.insert(ctx, tx, t.Seals)
	}))
}

// all says that a statement changed as many rows as it should have, or why not.
func all(res sql.Result, err error, want int, missed error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != int64(want) {
		err = missed
	}
	return err
}

const insertSeal = `INSERT INTO chat_seals (conversation, seal, prev, entries, head, tree, leaf, time_us) `

// insert takes one statement on PostgreSQL, where a statement is a round trip.
func (s *Seals) insert(ctx context.Context, tx *sql.Tx, seals []sealer.Seal) error {
	if s.db.dialect == postgresDialect {
		res, err := tx.ExecContext(ctx, insertSeal+`SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[],
			$6::bigint[], $7::bigint[], $8::bigint[]) ON CONFLICT (conversation, seal) DO NOTHING`, transposeSeals(seals)...)
		return all(res, err, len(seals), sealer.ErrSealed)
	}
	one, err := tx.PrepareContext(ctx, insertSeal+`VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (conversation, seal) DO NOTHING`)
	if err != nil {
		return err
	}
	defer one.Close()
	for _, l := range seals {
		res, err := one.ExecContext(ctx, l.Conversation, int64(l.Seal.Seal), l.Prev[:], int64(l.Entries), l.Head[:], int64(l.Tree),
			int64(l.Leaf), micros(l.Time))
		if err := all(res, err, 1, sealer.ErrSealed); err != nil {
			return err
		}
	}
	return nil
}

// transposeSeals turns seals into one array a column.
func transposeSeals(seals []sealer.Seal) []any {
	n := len(seals)
	ids, prevs, heads := make([]string, n), make([][]byte, n), make([][]byte, n)
	numbers, entries, trees, leaves, times := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i, l := range seals {
		ids[i], prevs[i], heads[i] = l.Conversation, l.Prev[:], l.Head[:]
		numbers[i], entries[i], trees[i] = int64(l.Seal.Seal), int64(l.Entries), int64(l.Tree)
		leaves[i], times[i] = int64(l.Leaf), micros(l.Time)
	}
	return []any{ids, numbers, prevs, entries, heads, trees, leaves, times}
}

func joinHashes(hashes []chain.Hash) []byte {
	b := make([]byte, 0, len(hashes)*len(chain.Hash{}))
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

func splitHashes(b []byte) []chain.Hash {
	hashes := make([]chain.Hash, len(b)/len(chain.Hash{}))
	for i := range hashes {
		copy(hashes[i][:], b[i*len(chain.Hash{}):])
	}
	return hashes
}

const treeColumns = `number, prev, root, leaves, time_us, key, signature, public`

// Tree implements [sealer.Store].
func (s *Seals) Tree(ctx context.Context, number uint64) (sealer.Tree, error) {
	query := `SELECT ` + treeColumns + `, hashes FROM chat_trees WHERE number = $1`
	if number == 0 {
		query = `SELECT ` + treeColumns + `, hashes FROM chat_trees WHERE $1 = 0 ORDER BY number DESC LIMIT 1`
	}
	var hashes []byte
	t, err := scanTree(s.db.read.QueryRowContext(ctx, query, seqArg(number)), &hashes)
	if errors.Is(err, sql.ErrNoRows) {
		return sealer.Tree{}, nil
	}
	t.Hashes = splitHashes(hashes)
	return t, wrap("read tree", err)
}

// Trees implements [sealer.Store].
func (s *Seals) Trees(ctx context.Context, after uint64, limit int) ([]sealer.Tree, error) {
	rows, err := s.db.read.QueryContext(ctx, `SELECT `+treeColumns+` FROM chat_trees WHERE number > $1 ORDER BY number LIMIT $2`,
		seqArg(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list trees: %w", err)
	}
	list, err := collect(rows, func(row scanner) (sealer.Tree, error) { return scanTree(row) })
	return list, wrap("list trees", err)
}

// scanTree reads a tree and what follows its columns. A hash of another length reads as one that does not verify.
func scanTree(row scanner, more ...any) (t sealer.Tree, err error) {
	var prev, root []byte
	var at int64
	err = row.Scan(append([]any{&t.Number, &prev, &root, &t.Leaves, &at, &t.Key, &t.Signature, &t.PublicKey}, more...)...)
	copy(t.Prev[:], prev)
	copy(t.Root[:], root)
	t.Time = fromMicros(at)
	return t, err
}

const sealColumns = `conversation, seal, prev, entries, head, tree, leaf, time_us`

// Seals implements [sealer.Store].
func (s *Seals) Seals(ctx context.Context, id chat.ConversationID, after uint64, limit int) ([]sealer.Seal, error) {
	rows, err := s.db.read.QueryContext(ctx, `SELECT `+sealColumns+` FROM chat_seals WHERE conversation = $1 AND seal > $2 ORDER BY seal LIMIT $3`,
		id, seqArg(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list seals: %w", err)
	}
	list, err := collect(rows, func(row scanner) (l sealer.Seal, err error) {
		var prev, head []byte
		var at int64
		err = row.Scan(&l.Conversation, &l.Seal.Seal, &prev, &l.Entries, &head, &l.Tree, &l.Leaf, &at)
		copy(l.Prev[:], prev)
		copy(l.Head[:], head)
		l.Time = fromMicros(at)
		return l, err
	})
	return list, wrap("list seals", err)
}
