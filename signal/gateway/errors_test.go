package gateway

import (
	"testing"
	"time"

	"parley/internal/policy"
)

func TestARefusalSpreadsWhoComesBackAndTellsTheEndAboutRight(t *testing.T) {
	for _, c := range []struct{ after, latest time.Duration }{
		{time.Second, 2 * time.Second},
		{10 * time.Minute, 10*time.Minute + maxSpread},
		{14 * time.Hour, 14*time.Hour + maxSpread},
	} {
		told := map[int]bool{}
		for range 50 {
			ms := wireError(policy.ErrMuted.After(c.after)).RetryAfter
			if d := time.Duration(ms) * time.Millisecond; d < c.after || d > c.latest {
				t.Errorf("after %v: told %v, want until %v", c.after, d, c.latest)
			}
			told[ms] = true
		}
		if len(told) < 2 {
			t.Errorf("after %v: everybody is told the same", c.after)
		}
	}
	if e := wireError(policy.ErrMuted); e.RetryAfter != 0 || e.Retry {
		t.Errorf("a mute without an end says %+v", e)
	}
}
