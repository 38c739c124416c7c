package policy

import "fmt"

// period is how long a class is kept, in months: unless said otherwise, and at least.
type period struct{ usual, least int }

// periods is the whole table. Chat and the ledger count from the end of what they belong to.
var periods = map[Class]period{
	ClassInterview: {usual: 6, least: 1},
	ClassChat:      {usual: 36, least: 1},
	ClassConsent:   {usual: 36, least: 36}, // proof of a consent outlives what it allowed
	ClassAudit:     {usual: 36, least: 6},  // it is an access log of evidence (L2)
	ClassAccessLog: {usual: 12, least: 6},  // network and access logs: six months by law (L2)
}

// Retention is for how many months data of the class is kept unless the operator says otherwise (L1). A class that
// is not in the table is 0 months, and [CheckRetention] refuses it.
func Retention(c Class) int { return periods[c].usual }

// CheckRetention refuses a configured period that keeps a class for less than the law asks (L2), and classes that
// do not exist.
func CheckRetention(c Class, months int) error {
	p, ok := periods[c]
	if !ok {
		return fmt.Errorf("retention of %q: no such class", c)
	}
	if months < p.least {
		return fmt.Errorf("retention of %q: %d months is less than the %d that must be kept", c, months, p.least)
	}
	return nil
}
