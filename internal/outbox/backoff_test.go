package outbox

import (
	"testing"
	"time"
)

func TestBackOffGrowsFromSecondsToHours(t *testing.T) {
	for n, want := range map[int]time.Duration{
		1: 5 * time.Second, 2: 10 * time.Second, 5: 80 * time.Second, 13: 20480 * time.Second, 14: 6 * time.Hour, 36: 6 * time.Hour, 1 << 20: 6 * time.Hour,
	} {
		if got := ceiling(n); got != want {
			t.Errorf("after try %d at most %v, want %v", n, got, want)
		}
	}
}

func TestBackOffHasFullJitter(t *testing.T) {
	for _, n := range []int{1, 8, 20} {
		low, high, top := false, false, ceiling(n)
		for range 1000 {
			d := backoff(n)
			if d < 0 || d > top {
				t.Fatalf("after try %d: %v", n, d)
			}
			low, high = low || d < top/4, high || d > top*3/4
		}
		if !low || !high {
			t.Errorf("after try %d the waits do not spread: below a quarter %v, above three %v", n, low, high)
		}
	}
}

func TestATargetMayBeAwayForAboutThreeDays(t *testing.T) {
	const events = 500
	var all time.Duration
	for range events {
		for n := 1; n < attempts; n++ {
			all += backoff(n)
		}
	}
	if mean := all / events; mean < 66*time.Hour || mean > 78*time.Hour {
		t.Errorf("an event is given up after %v on average, want about 72 h", mean)
	}
}
