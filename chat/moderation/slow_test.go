package moderation

import (
	"strings"
	"testing"
	"time"

	"parley/signal/wire"
)

// What a hostile client sends to keep the gate busy: the longest text, made of what the rules look at closely.
func TestNoTextKeepsTheGateBusy(t *testing.T) {
	parts := []string{"1 ", "138", "一", "a.b@", "a.", "@", "qq ", "扣扣", "微信是", "v x ", "qq:::::: ", "微信号码账号是我的", "http://", "www.", "one ", "lol1", "a1", "1,", "13800 ", "x@qq dot ", "艾特qq", "加我加我", "1.2.3.4.", "zero", "\u200b1", "🅰"}
	for i, h := range hints {
		if i%4 == 0 {
			parts = append(parts, h.word+" ")
		}
	}
	r := builtin
	s := scan{strict: true}
	worst, by := time.Duration(0), ""
	for _, p := range parts {
		text := strings.Repeat(p, wire.MaxText/len(p))
		best := time.Hour
		for range 2 { // the best of two, since others use the processor too
			began := time.Now()
			s.run(r, text)
			best = min(best, time.Since(began))
		}
		if best > worst {
			worst, by = best, p
		}
	}
	if t.Logf("%v for %q", worst, by); worst > 500*time.Millisecond {
		t.Errorf("%v for %q", worst, by)
	}
}
