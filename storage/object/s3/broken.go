package s3

import "fmt"

// Broken is a promise that the store, or the way in which it was set up, does not keep.
type Broken struct {
	Property string // what should hold
	Found    string // what was seen instead
	Fix      string // what the operator can do
}

func (b *Broken) Error() string {
	return fmt.Sprintf("broken promise: %s: %s; %s", b.Property, b.Found, b.Fix)
}

// What a store must promise.
const (
	propVersions  = "every put is a version of its own"
	propDefault   = "buckets lock what is put, in COMPLIANCE mode and for the days of their class, without being asked"
	propLocked    = "an object is under a COMPLIANCE lock"
	propKept      = "objects are kept as they were put"
	propOnce      = "a key that is taken is not written again"
	propChecksums = "the store checks and keeps SHA-256 checksums"
	propWriter    = "the writer's credential can put and do nothing else"
	propReader    = "the reader's credential can read and do nothing else"
	propNobody    = "nothing is possible without a credential"
	propHolds     = "a lock holds against a credential that may delete"
)

// What an operator can do about it.
const (
	fixVersions = "make the bucket with versioning and object lock on (deploy/s3/README.md)"
	fixLock     = "set the bucket's default retention to COMPLIANCE for at least the days of its class (deploy/s3/README.md)"
	fixStore    = "use a store that does it: this one can't hold evidence"
	fixWriter   = "give the writer's user writer-policy.json of deploy/s3 and no other policy"
	fixReader   = "give the reader's user reader-policy.json of deploy/s3 and no other policy"
	fixNobody   = "remove the bucket's policy and its public access"
	fixSecret   = "check KEY:SECRET of that credential, and the clock of this machine"
)
