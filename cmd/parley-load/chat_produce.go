package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"parley/chat"
)

// groupLanes commit at once, as many as the server has.
const groupLanes = 2

// produced is a row on its way; the lane answers once.
type produced struct {
	row    chat.Row
	answer chan error
}

// produce has a producer for each row, which stores it again and again under new names and waits each time until it is
// durable. A lane stores what came while its last commit ran.
func produce(ctx context.Context, s chat.Store, rows []chat.Row, d time.Duration) (ceiling, error) {
	ctx, stop := context.WithTimeout(ctx, d)
	defer stop()
	lanes := make([]chan produced, groupLanes)
	var committing, producing sync.WaitGroup
	for i := range lanes {
		lanes[i] = make(chan produced, len(rows))
		committing.Go(func() { group(context.WithoutCancel(ctx), s, lanes[i]) })
	}
	took, errs := make([][]time.Duration, len(rows)), make([]error, len(rows))
	began := time.Now()
	for i, r := range rows {
		producing.Go(func() { took[i], errs[i] = produceOne(ctx, r, lanes[i%groupLanes]) })
	}
	producing.Wait()
	elapsed := time.Since(began)
	for _, lane := range lanes {
		close(lane)
	}
	committing.Wait()
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	return ceiling{PerSecond: float64(len(all)) / elapsed.Seconds(), P99: milliseconds(percentile(all, 0.99))}, errors.Join(errs...)
}

func produceOne(ctx context.Context, r chat.Row, lane chan<- produced) (took []time.Duration, err error) {
	p := produced{row: r, answer: make(chan error, 1)}
	for ctx.Err() == nil && err == nil {
		one := time.Now()
		p.row.CID, p.row.Time = chat.ClientID(uuid.Must(uuid.NewV7()).String()), one
		lane <- p
		err = <-p.answer
		took = append(took, time.Since(one))
	}
	return took, err
}

// group commits until the lane is closed.
func group(ctx context.Context, s chat.Store, lane <-chan produced) {
	for first := range lane {
		waiting := []produced{first}
		for len(lane) > 0 && len(waiting) < chat.MaxBatch {
			waiting = append(waiting, <-lane)
		}
		rows := make([]chat.Row, len(waiting))
		for i, w := range waiting {
			rows[i] = w.row
		}
		_, err := s.Append(ctx, chat.Batch{Rows: rows})
		for _, w := range waiting {
			w.answer <- err
		}
	}
}
