package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"parley/chat"
	"parley/internal/identity"
	"parley/storage/db"
)

// ceilingCommand stores rows as large as the server's and does nothing else: no connection, no token, no sealing, nobody
// to tell. What a server acknowledges can't be more.
type ceilingCommand struct {
	File      string `help:"SQLite database."`
	Database  string `help:"PostgreSQL database instead."`
	Producers int
	Seconds   int
}

// ceiling is what the store took.
type ceiling struct {
	// PerSecond rows came from producers that wait for each, by group commit; P99 is of their waiting, in ms.
	PerSecond float64 `json:"per_s"`
	P99       float64 `json:"p99_ms"`
	// Full is how many rows a second it takes when every batch has one from each producer.
	Full float64 `json:"full_per_s"`
}

// sealedSize is what textSize bytes come to in the log: JSON around them, form, nonce and tag.
const sealedSize = textSize + len(`{"text":""}`) + 1 + 12 + 16

// Run measures group commit, and full batches in one lane and in two; the better of these counts.
func (c ceilingCommand) Run(ctx context.Context, out io.Writer) (err error) {
	defer collectSeldom()()
	d, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	rows, err := c.rows(ctx, d.Chat())
	if err != nil {
		return err
	}
	long := time.Duration(c.Seconds) * time.Second
	top, err := produce(ctx, d.Chat(), rows, long)
	if err != nil {
		return err
	}
	for lanes := 1; lanes <= min(2, len(rows)); lanes++ {
		full, err := fill(ctx, d.Chat(), rows, lanes, long/4)
		if err != nil {
			return err
		}
		top.Full = max(top.Full, full)
	}
	return sayReady(out, top)
}

func (c ceilingCommand) open(ctx context.Context) (*db.DB, error) {
	if c.Database != "" {
		return db.OpenPostgres(ctx, c.Database, db.PostgresConfig{})
	}
	return db.OpenSQLite(ctx, c.File)
}

// rows founds a conversation for each producer and returns a row of it.
func (c ceilingCommand) rows(ctx context.Context, s chat.Store) ([]chat.Row, error) {
	const sender identity.UserID = "sender"
	rows := make([]chat.Row, c.Producers)
	for i := range rows {
		name := uuid.Must(uuid.NewV7()).String()
		first := chat.Row{Conversation: chat.ConversationID(name), CID: "opened", Time: time.Now(), Type: chat.TypeSystem, Sealed: []byte{1}}
		id, err := s.Open(ctx, chat.Founding{ID: first.Conversation, Key: name, Title: []byte{1}, Opened: first.Time, First: first,
			Seats: []chat.Seat{{User: sender, Role: identity.Recruiter, Name: []byte{1}}, {User: "other", Role: identity.Candidate, Name: []byte{1}}}})
		if err != nil {
			return nil, err
		}
		rows[i] = chat.Row{Conversation: id, Sender: sender, Type: chat.TypeText, Sealed: make([]byte, sealedSize)}
	}
	return rows, nil
}

// fill stores the rows over and over, each time as new ones, divided among the lanes, and returns how many a second.
func fill(ctx context.Context, s chat.Store, rows []chat.Row, lanes int, d time.Duration) (float64, error) {
	stored, errs := make([]int, lanes), make([]error, lanes)
	began := time.Now()
	var work sync.WaitGroup
	for i := range lanes {
		share := slices.Clone(rows[i*len(rows)/lanes : (i+1)*len(rows)/lanes])
		work.Go(func() {
			for errs[i] == nil && time.Since(began) < d {
				errs[i] = fillOnce(ctx, s, share)
				stored[i] += len(share)
			}
		})
	}
	work.Wait()
	sum := 0
	for _, n := range stored {
		sum += n
	}
	return float64(sum) / time.Since(began).Seconds(), errors.Join(errs...)
}

// fillOnce stores one batch after the other, none larger than a batch may be.
func fillOnce(ctx context.Context, s chat.Store, rows []chat.Row) error {
	now := time.Now()
	for i := range rows {
		rows[i].CID, rows[i].Time = chat.ClientID(uuid.Must(uuid.NewV7()).String()), now
	}
	for batch := range slices.Chunk(rows, chat.MaxBatch) {
		if _, err := s.Append(ctx, chat.Batch{Rows: batch}); err != nil {
			return fmt.Errorf("store batch: %w", err)
		}
	}
	return nil
}
