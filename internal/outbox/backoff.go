package outbox

import (
	"math/rand/v2"
	"time"
)

// The back-off: a try that failed is followed by a random wait of up to firstWait, doubled with each further one, never
// beyond longestWait. With attempts tries in all, a target may be away for about three days.
const (
	firstWait   = 5 * time.Second
	longestWait = 6 * time.Hour
	attempts    = 36
)

// ceiling is the longest wait after the n-th try, n from 1.
func ceiling(n int) time.Duration {
	wait := firstWait
	for ; n > 1 && wait < longestWait; n-- {
		wait *= 2
	}
	return min(wait, longestWait)
}

// backoff is the wait after the n-th try: full jitter, so that the events of an outage do not come back as one wave.
func backoff(n int) time.Duration { return rand.N(ceiling(n)) }
