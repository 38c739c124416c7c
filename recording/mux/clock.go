package mux

import (
	"slices"
	"time"
)

// A line maps one clock to another by how far apart they are at some moments. Between two moments it is interpolated,
// beyond the first and the last it is constant, so that a drift of the sender's clock is followed and a sudden value
// is not thrown far.
type line struct{ x, offset []float64 } // seconds

func (l *line) empty() bool { return len(l.x) == 0 }

func (l *line) at(x float64) float64 {
	i, _ := slices.BinarySearch(l.x, x)
	switch {
	case i == 0:
		return x + l.offset[0]
	case i == len(l.x):
		return x + l.offset[i-1]
	}
	part := (x - l.x[i-1]) / (l.x[i] - l.x[i-1])
	return x + l.offset[i-1] + part*(l.offset[i]-l.offset[i-1])
}

// window is how much of a sender's time gives one moment of an arrival line. In that time a few packets will have
// met no queue on their way.
const window = 60.0

// arrivals follows the least delay: of each window it keeps the moment at which something arrived soonest after it was
// sent. What came later waited somewhere on its way.
type arrivals struct {
	line
	slot int64
}

func (a *arrivals) add(sent, arrived float64) {
	offset, slot := arrived-sent, int64(sent/window)
	n := len(a.x)
	switch {
	case n == 0 || slot > a.slot:
		a.x, a.offset, a.slot = append(a.x, sent), append(a.offset, offset), slot
	case offset < a.offset[n-1] && (n == 1 || sent > a.x[n-2]):
		a.x[n-1], a.offset[n-1] = sent, offset
	}
}

// report is what a sender report says: the RTP time and the sender's wall clock of one moment.
type report struct{ rtp, ntp, arrived float64 }

// maxReports bounds what is kept of one run; two hours have some 7,000.
const maxReports = 50_000

// byReports maps the run's RTP time to the sender's wall clock. A report's pair is off by some milliseconds, so the
// middle of five neighbours is taken.
func byReports(reports []report) line {
	var l line
	for i, r := range reports {
		if n := len(l.x); n > 0 && r.rtp <= l.x[n-1] {
			continue
		}
		var near []float64
		for _, o := range reports[max(0, i-2):min(len(reports), i+3)] {
			near = append(near, o.ntp-o.rtp)
		}
		slices.Sort(near)
		l.x, l.offset = append(l.x, r.rtp), append(l.offset, near[len(near)/2])
	}
	return l
}

// unwrap extends a counter that wraps around to one that does not.
type unwrap struct {
	last int64
	any  bool
}

// time extends a 32-bit RTP time.
func (u *unwrap) time(t uint32) int64 {
	if !u.any {
		u.any, u.last = true, int64(t)
		return u.last
	}
	u.last += int64(int32(t - uint32(u.last)))
	return u.last
}

// peekTime is time without moving on: for reports, whose time may lie ahead.
func (u *unwrap) peekTime(t uint32) int64 { return u.last + int64(int32(t-uint32(u.last))) }

// seq extends a 16-bit sequence number.
func (u *unwrap) seq(s uint16) int64 {
	if !u.any {
		u.any, u.last = true, int64(s)
		return u.last
	}
	u.last += int64(int16(s - uint16(u.last)))
	return u.last
}

func seconds(d time.Duration) float64 { return float64(d) / float64(time.Second) }
