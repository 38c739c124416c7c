package recording

import (
	"context"
	"fmt"
	"time"

	"parley/internal/chain"
	"parley/internal/identity"
	"parley/signal/wire"
	"parley/storage/keys"
	"parley/storage/object"
)

// person is what is kept sealed of a participant.
type person struct {
	ID      ParticipantID   `json:"id"`
	User    identity.UserID `json:"user"`
	Consent ConsentRecord   `json:"consent"`
}

// startDetails is the sealed part of the first manifest entry: enough to make the row again.
type startDetails struct {
	Interview string    `json:"interview"`
	Started   time.Time `json:"started"`
	People    []person  `json:"people"`
}

// endDetails is the sealed part of the last entry.
type endDetails struct {
	Why       string                    `json:"why,omitempty"` // given to Stop
	Summaries map[ParticipantID]Summary `json:"summaries"`
}

// details is what a row keeps sealed.
type details struct {
	startDetails
	endDetails
	Head    *SignedHead    `json:"head,omitempty"`
	Objects []storedObject `json:"objects,omitempty"`
	Late    *lateDetails   `json:"late,omitempty"`
}

// storedObject says under which random key the bucket has a file, or the run of its bytes from Offset on; set before the
// upload begins, so that a repeated upload meets its own.
type storedObject struct {
	File   string     `json:"file"`
	Key    object.Key `json:"key"`
	Offset int64      `json:"offset,omitempty"`
	Size   int64      `json:"size"`
	SHA256 chain.Hash `json:"sha256"`
}

// person finds a participant by user.
func (d *startDetails) person(u identity.UserID) (person, bool) {
	for _, p := range d.People {
		if p.User == u {
			return p, true
		}
	}
	return person{}, false
}

// objects are those of a file, in the order of its bytes.
func (d *details) objects(file string) []storedObject {
	var list []storedObject
	for _, o := range d.Objects {
		if o.File == file {
			list = append(list, o)
		}
	}
	return list
}

// The row's sealed field is bound to a place of its own.
const rowField = "row"

func (r *Recorder) saveRow(ctx context.Context, k keys.Key, row Row, d details) error {
	fields, err := newFieldSealer(k, row.ID)
	if err != nil {
		return err
	}
	if row.Sealed, err = fields.seal(rowField, 0, d); err != nil {
		return err
	}
	if err := r.cfg.Store.Save(ctx, row); err != nil {
		return fmt.Errorf("save recording: %w", err)
	}
	return nil
}

// openRow opens a row's sealed field. keys.ErrDestroyed says that the recording was erased.
func (r *Recorder) openRow(ctx context.Context, row Row) (d details, err error) {
	k, err := r.cfg.Vault.Open(ctx, manifestKey(row.ID))
	if err != nil {
		return d, fmt.Errorf("open recording key: %w", err)
	}
	fields, err := newFieldSealer(k, row.ID)
	if err != nil {
		return d, err
	}
	if err := fields.open(rowField, 0, row.Sealed, &d); err != nil {
		return d, fmt.Errorf("open row: %w", err)
	}
	return d, nil
}

// Info is what may be shown of a recording to those in it.
type Info struct {
	ID           ID
	Interview    string
	State        State
	Started      time.Time
	Ended        time.Time     // zero while it runs
	Duration     time.Duration // from Started to Ended
	Head         wire.ReceiptHead
	Stored       bool   // the bucket has it
	Available    bool   // sealed, and its files are stored or on this node's disk
	Why          string // what was given to Stop, or why it failed
	Participants []Side
}

// Side is one participant's part of a recording.
type Side struct {
	User     identity.UserID
	ID       ParticipantID
	Start    time.Duration // first media, since the recording's start
	Duration time.Duration // to the last
	Tracks   []TrackSpan
	Gaps     []GapSpan
	// Late is until when media goes on beyond the last gap, since its node is back and handed it in; zero: it does not.
	Late time.Duration
}

// List gives an interview's recordings, oldest first: one for each time recording began. Those whose key was
// destroyed are left out.
func (r *Recorder) List(ctx context.Context, interview string) ([]Info, error) {
	rows, err := r.cfg.Store.List(ctx, interview)
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	var list []Info
	for _, row := range rows {
		d, err := r.openRow(ctx, row)
		if erased(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list recordings: %w", err)
		}
		list = append(list, r.info(row, d))
	}
	return list, nil
}

// Info gives one recording; policy.ErrNotFound when there is none, or it was erased.
func (r *Recorder) Info(ctx context.Context, id ID) (Info, error) {
	row, d, err := r.load(ctx, id)
	if err != nil {
		return Info{}, err
	}
	return r.info(row, d), nil
}

func (r *Recorder) info(row Row, d details) Info {
	i := Info{ID: row.ID, Interview: row.Interview, State: row.State, Started: row.Started, Ended: row.Ended,
		Stored: row.Stored, Available: r.readable(row) == nil, Why: d.Why}
	if !row.Ended.IsZero() {
		i.Duration = row.Ended.Sub(row.Started)
	}
	if d.Head != nil {
		i.Head = d.Head.ReceiptHead
	}
	for _, p := range d.People {
		s := d.Summaries[p.ID]
		side := Side{User: p.User, ID: p.ID, Start: s.First, Duration: s.Last - s.First, Tracks: s.Tracks, Gaps: s.Gaps}
		if d.Late != nil {
			side.Late = d.Late.Until[p.ID]
		}
		i.Participants = append(i.Participants, side)
	}
	return i
}
