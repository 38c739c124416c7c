package policy

import (
	"context"
	"io"
	"time"
)

// Subject is the person whom data is about. It equals the platform's user id.
type Subject string

// Purpose is what a consent is given for. Each purpose has its own texts and its own ledger entries; the zero
// value is no purpose and is never granted.
type Purpose string

// The purposes of the policy that touch this server.
const (
	// InterviewRecording covers face and voice in a recorded interview, each side separately (E2, R6).
	InterviewRecording Purpose = "interview-recording"
	// PrivacyPolicy is the policy as a whole; without it only browsing is left (R6).
	PrivacyPolicy Purpose = "privacy-policy"
)

// Class is a retention class (L1): data of one class is kept equally long.
type Class string

// The retention classes; [Retention] gives their defaults.
const (
	ClassInterview Class = "interview-recording"
	ClassChat      Class = "chat"
	ClassConsent   Class = "consent-ledger"
	ClassAudit     Class = "audit"
	ClassAccessLog Class = "access-log"
)

// Kept is what an erasure had to leave, and why, in words for the subject (R2).
type Kept struct {
	What   string
	Reason string // the law or the hold
	Until  time.Time
}

// Holder is a domain that holds personal data. Export writes all it holds on the subject in an open format and
// nothing the product would not show them (R1). Erase may be repeated; it returns what law or a hold made it
// keep (R2, L3).
type Holder interface {
	Export(ctx context.Context, s Subject, w io.Writer) error
	Erase(ctx context.Context, s Subject) ([]Kept, error)
}
