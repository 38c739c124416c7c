package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"parley/signal/interview"
)

// Interviews is the [interview.Store].
func (d *DB) Interviews() interview.Store { return interviews{d} }

type interviews struct{ db *DB }

// rowsQueryer is a transaction or a pool.
type rowsQueryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

const interviewColumns = "id, conversation, key, state, reason, posted, opened_us, live_us, ended_us, recorded_us, epoch"

func (s interviews) Create(ctx context.Context, i interview.Interview) (got interview.Interview, created bool, err error) {
	for range maxTries { // the one that was in the way may end before it is read
		if got, created, err = s.create(ctx, i); !errors.Is(err, errNothingInTheWay) {
			break
		}
	}
	return got, created, err
}

func (s interviews) create(ctx context.Context, i interview.Interview) (got interview.Interview, created bool, err error) {
	err = s.db.tx(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `INSERT INTO interviews (`+interviewColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`,
			i.ID, i.Conversation, sql.NullString{String: i.Key, Valid: i.Key != ""}, i.State, i.Reason, i.Posted,
			micros(i.Opened), micros(i.Live), micros(i.Ended), micros(i.RecordedSince), i.Epoch)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err != nil {
			return err
		}
		if created = n == 1; created {
			got = i
			return addParticipants(ctx, tx, i)
		}
		got, err = inTheWay(ctx, tx, i)
		return err
	})
	if err != nil {
		return interview.Interview{}, false, fmt.Errorf("create interview: %w", err)
	}
	return got, created, nil
}

func addParticipants(ctx context.Context, tx *sql.Tx, i interview.Interview) error {
	for place, p := range i.Participants {
		_, err := tx.ExecContext(ctx, `INSERT INTO interview_participants (interview, place, user_id, role, consent)
			VALUES ($1, $2, $3, $4, $5)`, i.ID, place, p.User, p.Role, p.Consent)
		if err != nil {
			return err
		}
	}
	return nil
}

var errNothingInTheWay = errors.New("the id is in use")

// inTheWay is the interview because of which another was not created: that of the key comes first.
func inTheWay(ctx context.Context, q rowsQueryer, i interview.Interview) (interview.Interview, error) {
	found, err := selectInterviews(ctx, q, `WHERE key = $1 OR conversation = $2 AND state <> 'ended'
		ORDER BY CASE WHEN key = $1 THEN 0 ELSE 1 END LIMIT 1`, i.Key, i.Conversation)
	if err == nil && len(found) == 0 {
		err = errNothingInTheWay
	}
	if err != nil {
		return interview.Interview{}, err
	}
	return found[0], nil
}

func (s interviews) Load(ctx context.Context, id interview.ID) (interview.Interview, error) {
	found, err := selectInterviews(ctx, s.db.read, `WHERE id = $1`, id)
	if err != nil {
		return interview.Interview{}, fmt.Errorf("load interview: %w", err)
	}
	if len(found) == 0 {
		return interview.Interview{}, interview.ErrUnknown
	}
	return found[0], nil
}

func (s interviews) Claim(ctx context.Context, id interview.ID, epoch uint64) (got interview.Interview, err error) {
	err = s.db.tx(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE interviews SET epoch = $2 WHERE id = $1 AND epoch <= $2`, id, epoch)
		if err != nil {
			return err
		}
		if err := unowned(ctx, tx, r, id); err != nil {
			return err
		}
		found, err := selectInterviews(ctx, tx, `WHERE id = $1`, id)
		if err == nil {
			got = found[0]
		}
		return err
	})
	if err != nil {
		return interview.Interview{}, fmt.Errorf("claim interview: %w", err)
	}
	return got, nil
}

// unowned says why an owner's update changed nothing: there is no such interview, or its epoch is higher.
func unowned(ctx context.Context, q queryer, r sql.Result, id interview.ID) error {
	if n, err := r.RowsAffected(); err != nil || n > 0 {
		return err
	}
	var one int
	err := q.QueryRowContext(ctx, `SELECT 1 FROM interviews WHERE id = $1`, id).Scan(&one)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return interview.ErrUnknown
	case err != nil:
		return err
	}
	return interview.ErrFenced
}

func (s interviews) Save(ctx context.Context, i interview.Interview) error {
	err := s.db.tx(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE interviews SET state = $2, reason = $3, posted = $4, live_us = $5, ended_us = $6,
			recorded_us = $7, epoch = $8 WHERE id = $1 AND epoch <= $8`,
			i.ID, i.State, i.Reason, i.Posted, micros(i.Live), micros(i.Ended), micros(i.RecordedSince), i.Epoch)
		if err != nil {
			return err
		}
		if err := unowned(ctx, tx, r, i.ID); err != nil {
			return err
		}
		for _, p := range i.Participants {
			_, err := tx.ExecContext(ctx, `UPDATE interview_participants SET consent = $3
				WHERE interview = $1 AND user_id = $2 AND consent <> $3`, i.ID, p.User, p.Consent)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("save interview: %w", err)
	}
	return nil
}

func (s interviews) List(ctx context.Context, f interview.Filter, limit int) ([]interview.Interview, error) {
	where, args := filterInterviews(f)
	args = append(args, limit)
	found, err := selectInterviews(ctx, s.db.read, fmt.Sprintf("%s ORDER BY id LIMIT $%d", where, len(args)), args...)
	if err != nil {
		return nil, fmt.Errorf("list interviews: %w", err)
	}
	return found, nil
}

// filterInterviews writes the filter as a condition. Values go into arguments, never into the text.
func filterInterviews(f interview.Filter) (where string, args []any) {
	conditions := []string{"TRUE"}
	add := func(condition string, values ...any) {
		marks := make([]any, len(values))
		for i, v := range values {
			args = append(args, v)
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		conditions = append(conditions, fmt.Sprintf(condition, marks...))
	}
	if f.User != "" {
		add("id IN (SELECT interview FROM interview_participants WHERE user_id = %s)", f.User)
	}
	if f.Conversation != "" {
		add("conversation = %s", f.Conversation)
	}
	if f.Key != "" {
		add("key = %s", f.Key)
	}
	if len(f.States) > 0 {
		values := make([]any, len(f.States))
		for i, state := range f.States {
			values[i] = state
		}
		add("state IN (%s"+strings.Repeat(", %s", len(values)-1)+")", values...)
	}
	if !f.OpenedBefore.IsZero() {
		add("opened_us < %s", micros(f.OpenedBefore))
	}
	if f.Unposted {
		add("posted <> state")
	}
	if f.After != "" {
		add("id > %s", f.After)
	}
	return "WHERE " + strings.Join(conditions, " AND "), args
}

// selectInterviews reads interviews with their participants.
func selectInterviews(ctx context.Context, q rowsQueryer, rest string, args ...any) ([]interview.Interview, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+interviewColumns+` FROM interviews `+rest, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []interview.Interview
	for rows.Next() {
		i, err := scanInterview(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, i)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for n := range found {
		if found[n].Participants, err = participants(ctx, q, found[n].ID); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func scanInterview(row scanner) (interview.Interview, error) {
	var i interview.Interview
	var key sql.NullString
	var opened, live, ended, recorded int64
	err := row.Scan(&i.ID, &i.Conversation, &key, &i.State, &i.Reason, &i.Posted, &opened, &live, &ended, &recorded, &i.Epoch)
	i.Key = key.String
	i.Opened, i.Live, i.Ended, i.RecordedSince = fromMicros(opened), fromMicros(live), fromMicros(ended), fromMicros(recorded)
	return i, err
}

func participants(ctx context.Context, q rowsQueryer, id interview.ID) ([]interview.Participant, error) {
	rows, err := q.QueryContext(ctx, `SELECT user_id, role, consent FROM interview_participants
		WHERE interview = $1 ORDER BY place`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []interview.Participant
	for rows.Next() {
		var p interview.Participant
		if err := rows.Scan(&p.User, &p.Role, &p.Consent); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}
