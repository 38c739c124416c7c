package recording

import (
	"errors"
	"time"

	"parley/internal/chain"
)

// A verification of a recording finds what one of a transcript finds.
type (
	// Class says what is wrong with a place.
	Class = chain.Class
	// Finding is one place where a recording is not what was signed.
	Finding = chain.Finding
)

// Classes of findings.
const (
	Altered      = chain.Altered
	Removed      = chain.Removed
	Reordered    = chain.Reordered
	Truncated    = chain.Truncated
	Added        = chain.Added
	WrongKey     = chain.WrongKey
	HeadMismatch = chain.HeadMismatch
)

// Report is what a verification found.
type Report struct {
	Recording ID        `json:"recording"`
	Format    int       `json:"format"`
	Build     string    `json:"build"`
	Reason    EndReason `json:"reason"` // "" when the manifest has no end
	// Lost is a head that was signed for more than there is, as the end says.
	Lost    *LostHead   `json:"lost,omitempty"`
	Started time.Time   `json:"started"`
	Signed  time.Time   `json:"signed"`
	Length  string      `json:"length"`
	Entries uint64      `json:"entries"`
	Head    string      `json:"head"`
	Key     chain.KeyID `json:"key"`
	// OwnKey says that no key was given, so the signature was held against the key in the bundle itself.
	OwnKey bool `json:"own_key"`
	// Receipts is how many heads from outside were held against the manifest; without any, the recording is only
	// attested by whoever signed it (E6).
	Receipts int          `json:"receipts"`
	Journals []JournalEnd `json:"journals"`
	Gaps     []GapBody    `json:"gaps,omitempty"`
	// Late are the tails that the node handed in whose recording another one had adopted.
	Late     []LateJournal `json:"late,omitempty"`
	Findings []Finding     `json:"findings,omitempty"`
}

// Intact says that nothing was found.
func (r *Report) Intact() bool { return len(r.Findings) == 0 }

// SelfAttested says that no head from outside the operator's hands was at hand.
func (r *Report) SelfAttested() bool { return r.Receipts == 0 }

// ErrUnreadable says that there is nothing that could be verified.
var ErrUnreadable = errors.New("recording: not a readable recording")

// maxFindings bounds a report; one finding is enough to know.
const maxFindings = 1000

func (r *Report) find(f Finding) {
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, f)
	}
}
