package limit

import "time"

// Bucket holds the tokens of one key: 16 bytes, so that it can stand by value in what is there by the ten thousands. The zero
// value is full. It belongs to one goroutine, and must always be asked with the same rate and burst.
type Bucket struct {
	spent float64 // of the burst, at
	at    int64   // in Unix nanoseconds
}

// Take takes n tokens, all or none, of a bucket that holds burst and gets rate of them back a second. If they are not there it
// says after how long they will be; more than the burst, and anything of a rate that is not positive,
// never are, which is the longest time there is.
func (b *Bucket) Take(now time.Time, rate float64, burst, n int) (wait time.Duration, ok bool) {
	b.refill(now, rate)
	missing := b.spent + float64(n) - float64(burst)
	switch {
	case n > burst, rate <= 0:
		return forever, false
	case missing <= 0:
		b.spent += float64(n)
		return 0, true
	}
	return seconds(missing / rate), false
}

const forever time.Duration = 1<<63 - 1

// full says whether the bucket is as if nothing had been taken.
func (b *Bucket) full(now time.Time, rate float64) bool {
	b.refill(now, rate)
	return b.spent == 0
}

func (b *Bucket) refill(now time.Time, rate float64) {
	at := now.UnixNano()
	if passed := at - b.at; passed > 0 && b.spent > 0 {
		b.spent = max(0, b.spent-rate*time.Duration(passed).Seconds())
	}
	b.at = at // also when the clock was set back: nobody waits until it is where it was
}
