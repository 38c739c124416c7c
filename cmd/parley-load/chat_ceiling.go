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

// ceilingCommand stores batches of rows, as many and as large as the server's, and does nothing else: no connection, no
// sealing, nobody to tell. What a server acknowledges can't be more.
type ceilingCommand struct {
	File     string `help:"SQLite database."`
	Database string `help:"PostgreSQL database instead."`
	Senders  int
	Seconds  int
}

// ceiling is what the store took. P99 is of a commit, which is what a sender at least waits for.
type ceiling struct {
	PerSecond float64 `json:"per_s"`
	P99       float64 `json:"p99_ms"`
	Lanes     int     `json:"lanes"` // committing at once
}

// sealedSize is what textSize bytes come to in the log: JSON around them, form, nonce and tag.
const sealedSize = textSize + len(`{"text":""}`) + 1 + 12 + 16

// Run tries one lane with a batch of all senders, and two with half of them each, and says which was better.
func (c ceilingCommand) Run(ctx context.Context, out io.Writer) (err error) {
	d, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	rows, err := c.rows(ctx, d.Chat())
	if err != nil {
		return err
	}
	var best ceiling
	for lanes := 1; lanes <= min(2, c.Senders); lanes++ {
		top, err := fill(ctx, d.Chat(), rows, lanes, time.Duration(c.Seconds)*time.Second/2)
		if err != nil {
			return err
		}
		if top.PerSecond > best.PerSecond {
			best = top
		}
	}
	return sayReady(out, best)
}

func (c ceilingCommand) open(ctx context.Context) (*db.DB, error) {
	if c.Database != "" {
		return db.OpenPostgres(ctx, c.Database, db.PostgresConfig{})
	}
	return db.OpenSQLite(ctx, c.File)
}

// rows founds a conversation for each sender and returns a row of it.
func (c ceilingCommand) rows(ctx context.Context, s chat.Store) ([]chat.Row, error) {
	const sender identity.UserID = "sender"
	rows := make([]chat.Row, c.Senders)
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

// fill stores the rows over and over, each time as new ones, divided among the lanes.
func fill(ctx context.Context, s chat.Store, rows []chat.Row, lanes int, d time.Duration) (ceiling, error) {
	took, errs := make([][]time.Duration, lanes), make([]error, lanes)
	stored := make([]int, lanes)
	began := time.Now()
	var work sync.WaitGroup
	for i := range lanes {
		share := slices.Clone(rows[i*len(rows)/lanes : (i+1)*len(rows)/lanes])
		work.Go(func() {
			for errs[i] == nil && time.Since(began) < d {
				one := time.Now()
				errs[i] = fillOnce(ctx, s, share)
				took[i] = append(took[i], time.Since(one))
				stored[i] += len(share)
			}
		})
	}
	work.Wait()
	elapsed, all, sum := time.Since(began), slices.Sorted(slices.Values(slices.Concat(took...))), 0
	for _, n := range stored {
		sum += n
	}
	return ceiling{float64(sum) / elapsed.Seconds(), milliseconds(percentile(all, 0.99)), lanes}, errors.Join(errs...)
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
