package sfu

import (
	"slices"
	"time"
)

// How lost packets are asked for again.
const (
	reorderWait = 10 * time.Millisecond  // a packet that is merely late is not asked for
	retryAfter  = 50 * time.Millisecond  // until the round trip is known, and the least then
	retryMost   = 200 * time.Millisecond // the most, however long the round trip
	giveUp      = time.Second            // older than this is a gap: a round trip over mobile networks, several times
	maxMissing  = 512                    // missing at once; a longer gap is no loss but an absence
)

// span is a run of extended sequence numbers, both ends included.
type span struct{ from, to uint64 }

// lost is one missing packet.
type lost struct {
	seq   uint64
	since time.Time
	next  time.Time // when to ask (again)
}

// repair knows what is missing of one track, in ascending order. With ask unset the publisher does not resend, and
// what is missing only may be late. Callers serialise.
type repair struct {
	ask     bool
	missing []lost
}

// begin notes that the packets of a span are missing; false when they are too many to ask for.
func (r *repair) begin(from, to uint64, at time.Time) bool {
	if n := to - from + 1; n > maxMissing-uint64(len(r.missing)) { //nolint:gosec // len is at most maxMissing
		return false
	}
	for seq := from; seq <= to; seq++ {
		r.missing = append(r.missing, lost{seq: seq, since: at, next: at.Add(reorderWait)})
	}
	return true
}

// arrived notes that a missing packet came after all.
func (r *repair) arrived(seq uint64) {
	i, found := slices.BinarySearchFunc(r.missing, seq, func(l lost, seq uint64) int {
		switch {
		case l.seq < seq:
			return -1
		case l.seq > seq:
			return 1
		}
		return 0
	})
	if found {
		r.missing = slices.Delete(r.missing, i, i+1)
	}
}

// pending says whether something is missing.
func (r *repair) pending() bool { return len(r.missing) > 0 }

// due appends to nacks what is to be asked for now, and again after retry, and returns what is given up.
func (r *repair) due(now time.Time, retry time.Duration, nacks []uint16) ([]uint16, []span) {
	var given []span
	kept := r.missing[:0]
	for _, l := range r.missing {
		switch {
		case r.hopeless(l, now):
			given = merge(given, l.seq)
			continue
		case r.ask && !now.Before(l.next):
			nacks = append(nacks, uint16(l.seq)) //nolint:gosec // modular on purpose
			l.next = now.Add(retry)
		}
		kept = append(kept, l)
	}
	r.missing = kept
	return nacks, given
}

func (r *repair) hopeless(l lost, now time.Time) bool {
	patience := giveUp
	if !r.ask {
		patience = 10 * reorderWait
	}
	return now.Sub(l.since) >= patience
}

// retryFor is how long to wait for a retransmission, by the round trip; zero when it is unknown.
func retryFor(roundTrip time.Duration) time.Duration {
	return min(max(roundTrip+roundTrip/4, retryAfter), retryMost)
}

// all gives up everything.
func (r *repair) all() []span {
	var given []span
	for _, l := range r.missing {
		given = merge(given, l.seq)
	}
	r.missing = nil
	return given
}

// merge adds a number to spans in ascending order.
func merge(spans []span, seq uint64) []span {
	if n := len(spans); n > 0 && spans[n-1].to+1 == seq {
		spans[n-1].to = seq
		return spans
	}
	return append(spans, span{seq, seq})
}
