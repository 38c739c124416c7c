package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"parley/internal/cluster"
)

// Cluster is the [cluster.Store].
func (d *DB) Cluster() cluster.Store { return nodes{d} }

type nodes struct{ db *DB }

// forgotten is after how long a dead node's row is cleared away.
const forgotten = 24 * time.Hour

func (s nodes) Join(ctx context.Context, p cluster.Peer) error {
	err := s.db.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM cluster_nodes WHERE beat_us < `+s.db.now()+` - $1`, forgotten.Microseconds())
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO cluster_nodes (node, incarnation, address, draining, beat_us)
			VALUES ($1, $2, $3, $4, `+s.db.now()+`)
			ON CONFLICT (node) DO UPDATE SET incarnation = excluded.incarnation, address = excluded.address,
				draining = excluded.draining, beat_us = excluded.beat_us`,
			p.Node, p.Incarnation, p.Address, p.Draining)
		return err
	})
	if err != nil {
		return fmt.Errorf("join cluster: %w", err)
	}
	return nil
}

// Beat writes first and reads then, each by itself: a lease that is taken over in between is missing one beat later.
func (s nodes) Beat(ctx context.Context, p cluster.Peer) ([]cluster.Lease, error) {
	r, err := s.db.write.ExecContext(ctx, `INSERT INTO cluster_nodes AS n (node, incarnation, address, draining, beat_us)
		VALUES ($1, $2, $3, $4, `+s.db.now()+`)
		ON CONFLICT (node) DO UPDATE SET address = excluded.address, draining = excluded.draining, beat_us = excluded.beat_us
			WHERE n.incarnation = excluded.incarnation`,
		p.Node, p.Incarnation, p.Address, p.Draining)
	if err != nil {
		return nil, fmt.Errorf("beat: %w", err)
	}
	if n, err := r.RowsAffected(); err != nil {
		return nil, fmt.Errorf("beat: %w", err)
	} else if n == 0 {
		return nil, cluster.ErrDisplaced
	}
	rows, err := s.db.read.QueryContext(ctx, `SELECT room, epoch, node FROM cluster_leases
		WHERE incarnation = $1 AND incarnation <> ''`, p.Incarnation)
	if err != nil {
		return nil, fmt.Errorf("list leases: %w", err)
	}
	defer rows.Close()
	var held []cluster.Lease
	for rows.Next() {
		var l cluster.Lease
		if err := rows.Scan(&l.Room, &l.Epoch, &l.Node); err != nil {
			return nil, fmt.Errorf("list leases: %w", err)
		}
		held = append(held, l)
	}
	return held, rows.Err()
}

func (s nodes) Leave(ctx context.Context, p cluster.Peer) error {
	_, err := s.db.write.ExecContext(ctx, `DELETE FROM cluster_nodes WHERE node = $1 AND incarnation = $2`, p.Node, p.Incarnation)
	if err != nil {
		return fmt.Errorf("leave cluster: %w", err)
	}
	return nil
}

func (s nodes) Members(ctx context.Context) ([]cluster.Member, error) {
	rows, err := s.db.read.QueryContext(ctx, `SELECT node, incarnation, address, draining, idle FROM (
			SELECT node, incarnation, address, draining, `+s.db.now()+` - beat_us AS idle FROM cluster_nodes) AS n
		WHERE idle < $1 ORDER BY node`, forgotten.Microseconds())
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	defer rows.Close()
	var all []cluster.Member
	for rows.Next() {
		var m cluster.Member
		var idle int64
		if err := rows.Scan(&m.Node, &m.Incarnation, &m.Address, &m.Draining, &idle); err != nil {
			return nil, fmt.Errorf("list nodes: %w", err)
		}
		m.Idle = time.Duration(max(idle, 0)) * time.Microsecond
		all = append(all, m)
	}
	return all, rows.Err()
}

// living is the condition that a lease l holds: its incarnation's last beat came after the age given as argument.
func (s nodes) living(age string) string {
	return `EXISTS (SELECT 1 FROM cluster_nodes AS n WHERE n.incarnation = l.incarnation AND n.beat_us > ` + s.db.now() + ` - ` + age + `)`
}

// Acquire takes the row if nobody living holds it. On PostgreSQL of several that try at once each waits for the one before
// and looks at what that one wrote.
func (s nodes) Acquire(ctx context.Context, p cluster.Peer, room string, ttl time.Duration) (cluster.Lease, error) {
	l := cluster.Lease{Room: room, Node: p.Node}
	err := s.db.tx(ctx, func(tx *sql.Tx) error {
		var one int
		err := tx.QueryRowContext(ctx, `SELECT 1 FROM cluster_nodes WHERE node = $1 AND incarnation = $2`, p.Node, p.Incarnation).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			return cluster.ErrDisplaced
		}
		if err != nil {
			return err
		}
		err = tx.QueryRowContext(ctx, `INSERT INTO cluster_leases AS l (room, epoch, node, incarnation) VALUES ($1, 1, $2, $3)
			ON CONFLICT (room) DO UPDATE SET epoch = l.epoch + 1, node = excluded.node, incarnation = excluded.incarnation
				WHERE l.incarnation IN ('', excluded.incarnation) OR NOT `+s.living("$4")+`
			RETURNING epoch`, room, p.Node, p.Incarnation, ttl.Microseconds()).Scan(&l.Epoch)
		if errors.Is(err, sql.ErrNoRows) {
			return heldBy(ctx, tx, room)
		}
		return err
	})
	if err != nil {
		return cluster.Lease{}, fmt.Errorf("acquire lease: %w", err)
	}
	return l, nil
}

// heldBy is the refusal that names the owner.
func heldBy(ctx context.Context, tx *sql.Tx, room string) error {
	var e cluster.Elsewhere
	if err := tx.QueryRowContext(ctx, `SELECT node FROM cluster_leases WHERE room = $1`, room).Scan(&e.Node); err != nil {
		return err
	}
	return &e
}

func (s nodes) Release(ctx context.Context, p cluster.Peer, l cluster.Lease) error {
	_, err := s.db.write.ExecContext(ctx, `UPDATE cluster_leases SET incarnation = ''
		WHERE room = $1 AND epoch = $2 AND incarnation = $3`, l.Room, l.Epoch, p.Incarnation)
	if err != nil {
		return fmt.Errorf("release lease: %w", err)
	}
	return nil
}

func (s nodes) Holders(ctx context.Context, rooms []string, ttl time.Duration) (map[string]cluster.NodeID, error) {
	found := map[string]cluster.NodeID{}
	if len(rooms) == 0 {
		return found, nil
	}
	args := []any{ttl.Microseconds()}
	marks := make([]string, len(rooms))
	for i, room := range rooms {
		args = append(args, room)
		marks[i] = fmt.Sprintf("$%d", len(args))
	}
	rows, err := s.db.read.QueryContext(ctx, `SELECT room, node FROM cluster_leases AS l
		WHERE room IN (`+strings.Join(marks, ", ")+`) AND `+s.living("$1"), args...)
	if err != nil {
		return nil, fmt.Errorf("list holders: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var room string
		var n cluster.NodeID
		if err := rows.Scan(&room, &n); err != nil {
			return nil, fmt.Errorf("list holders: %w", err)
		}
		found[room] = n
	}
	return found, rows.Err()
}
