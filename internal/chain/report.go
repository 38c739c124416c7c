package chain

import (
	"errors"
	"time"
)

// Class says what is wrong with a place. The zero value is nothing.
type Class string

// Classes of findings.
const (
	Altered      Class = "altered"
	Removed      Class = "removed"
	Reordered    Class = "reordered"
	Truncated    Class = "truncated"
	Added        Class = "added"
	WrongKey     Class = "wrong key"
	HeadMismatch Class = "head mismatch"
)

// Finding is one place where evidence is not what was signed. From and To are the byte range within File as it is now;
// equal when something is missing there.
type Finding struct {
	File   string `json:"file"`
	From   int64  `json:"from"`
	To     int64  `json:"to"`
	Class  Class  `json:"class"`
	Detail string `json:"detail"`
}

// ReceiptFile is the File of a finding about a receipt itself, which is in no bundle.
const ReceiptFile = "receipt"

// maxFindings bounds a report; one finding is enough to know.
const maxFindings = 1000

type findings struct {
	Findings []Finding `json:"findings,omitempty"`
}

func (f *findings) find(one Finding) {
	if len(f.Findings) < maxFindings {
		f.Findings = append(f.Findings, one)
	}
}

// Intact says that nothing was found.
func (f *findings) Intact() bool { return len(f.Findings) == 0 }

type (
	// Report is what the verification of a transcript found.
	Report struct {
		Conversation string    `json:"conversation"`
		Format       int       `json:"format"`
		Opened       time.Time `json:"opened"`
		Members      []Person  `json:"members"`
		Entries      uint64    `json:"entries"`
		Seals        uint64    `json:"seals"`
		First        time.Time `json:"first"` // entry
		Last         time.Time `json:"last"`
		Head         Hash      `json:"head"`
		Tree         uint64    `json:"tree"`   // that holds the last seal
		Signed       time.Time `json:"signed"` // when
		Key          KeyID     `json:"key"`
		// OwnKey says that no key was given, so the signature was held against the key in the bundle itself.
		OwnKey bool `json:"own_key"`
		// Receipts is how many receipts from outside were held against the transcript; without any, it is only attested by
		// whoever signed it (E6).
		Receipts int `json:"receipts"`
		// Late are the seals that came more than [Prompt] after the oldest entry they cover (E7).
		Late []LateSeal `json:"late,omitempty"`
		findings
	}

	// LateSeal is a seal that came late: until then its entries were not committed to.
	LateSeal struct {
		Seal    uint64    `json:"seal"`
		From    uint64    `json:"from"` // entries
		To      uint64    `json:"to"`
		Oldest  time.Time `json:"oldest"` // entry
		Seconds int64     `json:"seconds"`
	}

	// TreesReport is what the verification of a list of trees found.
	TreesReport struct {
		From  uint64    `json:"from"` // numbers of trees
		To    uint64    `json:"to"`
		First time.Time `json:"first"`
		Last  time.Time `json:"last"`
		Keys  []KeyID   `json:"keys"` // that signed
		// OwnKey says that no key was given, so no signature was checked.
		OwnKey   bool `json:"own_key"`
		Receipts int  `json:"receipts"`
		findings
	}
)

// Prompt is how soon after an entry its seal comes where all goes well, with much to spare.
const Prompt = time.Minute

// SelfAttested says that no receipt from outside the operator's hands was at hand.
func (r *Report) SelfAttested() bool { return r.Receipts == 0 }

// SelfAttested says that no receipt from outside the operator's hands was at hand.
func (r *TreesReport) SelfAttested() bool { return r.Receipts == 0 }

// ErrUnreadable says that there is nothing that could be verified.
var ErrUnreadable = errors.New("chain: not readable evidence")
