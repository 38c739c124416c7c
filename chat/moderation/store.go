package moderation

import (
	"context"
	"time"

	"parley/chat"
	"parley/internal/chain"
	"parley/internal/identity"
	"parley/internal/outbox"
)

// Store keeps silences and reports. Any goroutine, and any number of nodes, may call it. What it writes is durable on
// return; after an error the outcome is unknown and doing the same again is safe. Texts reach it sealed.
type Store interface {
	Silences
	Reports
}

// Silences are kept one a person.
type Silences interface {
	// Silence keeps one in place of what there was of the person. Set is the store's to say. One without a kind lifts.
	Silence(ctx context.Context, row SilenceRow) error
	// Since returns the silences that were set or lifted at that moment of the store's clock or later, the zero time for all, and
	// what that clock says.
	Since(ctx context.Context, at time.Time) ([]SilenceRow, time.Time, error)
	// Silenced returns at most limit silences that hold at the moment, by user ids behind after, ascending.
	Silenced(ctx context.Context, now time.Time, after identity.UserID, limit int) ([]SilenceRow, error)
	// Sweep deletes those that ended or were lifted more than a day ago.
	Sweep(ctx context.Context, now time.Time) error
}

// Reports are kept until somebody deletes the evidence that they are.
type Reports interface {
	// File keeps a report, its entries and its event in one transaction, and returns its id. If the person filed one under the same
	// cid in the conversation already, that one's id is returned and nothing is changed.
	File(ctx context.Context, r ReportRow, e outbox.Event) (ReportID, error)
	// Filed counts what the person filed since.
	Filed(ctx context.Context, reporter identity.UserID, since time.Time) (int, error)
	// Find returns at most limit reports of that outcome (empty: the open ones) with ids behind after, ascending, without their
	// entries.
	Find(ctx context.Context, outcome Outcome, after ReportID, limit int) ([]ReportRow, error)
	// Load returns one report with its entries, ascending by seq, and false if there is none.
	Load(ctx context.Context, id ReportID) (ReportRow, bool, error)
	// Close gives an open report its outcome and says whether it was open.
	Close(ctx context.Context, id ReportID, o Outcome, at time.Time) (bool, error)
}

// SilenceRow is a silence as it is stored.
type SilenceRow struct {
	User   identity.UserID
	Kind   SilenceKind // empty once lifted
	Until  time.Time   // zero: for good
	Reason []byte      // sealed
	Set    time.Time
}

// ReportRow is a report as it is stored.
type ReportRow struct {
	ID           ReportID
	Conversation chat.ConversationID
	Reporter     identity.UserID
	CID          chat.ClientID
	Reason       string
	Note         []byte // sealed; empty for none
	Filed        time.Time
	Outcome      Outcome
	Closed       time.Time // zero while open
	Entries      []Exhibit
}

// Exhibit is an entry that was reported, as it stood in the log: Digest is that of its line in a transcript.
type Exhibit struct {
	Seq    chat.Seq
	Sender identity.UserID
	Digest chain.Hash
}
