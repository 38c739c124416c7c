package admin

import (
	"testing"
	"time"
)

// clock is a clock that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time       { return c.at }
func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }
func newClock() *clock                { return &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func TestRateIsGrowthASecond(t *testing.T) {
	c := newClock()
	r := newRate(c.now)
	if got := r.Observe(0); got != 0 {
		t.Errorf("at first: %v", got)
	}
	c.pass(2 * time.Second)
	if got := r.Observe(10); got != 5 {
		t.Errorf("10 in 2 s: %v, want 5", got)
	}
	c.pass(100 * time.Millisecond)
	if got := r.Observe(10); got < 4 || got > 5 {
		t.Errorf("asked again at once: %v, want nearly 5", got)
	}
	c.pass(4 * time.Second)
	if got := r.Observe(10); got != 0 {
		t.Errorf("nothing for 4 s: %v, want 0", got)
	}
}
