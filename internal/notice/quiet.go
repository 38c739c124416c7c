package notice

import (
	"time"
	_ "time/tzdata" // zones on machines that have none

	"parley/signal/wire"
)

// zone is where quiet hours are meant to be unless said otherwise.
const zone = "Asia/Shanghai"

// quietFor is how long quiet hours last from now on; 0 if it is none of them. Hours that make no sense are none.
func quietFor(q wire.Quiet, now time.Time) time.Duration {
	if q.Zone == "" {
		q.Zone = zone
	}
	place, err := time.LoadLocation(q.Zone)
	from, ok := clock(q.From)
	to, ok2 := clock(q.To)
	if err != nil || !ok || !ok2 || from == to {
		return 0
	}
	local := now.In(place)
	at := local.Hour()*60 + local.Minute()
	within := from <= at && at < to
	if from > to { // over midnight
		within = at >= from || at < to
	}
	if !within {
		return 0
	}
	day := local.Day()
	if at >= to {
		day++
	}
	end := time.Date(local.Year(), local.Month(), day, to/60, to%60, 0, 0, place)
	return max(end.Sub(now), time.Second)
}

// clock reads "22:00" as minutes of the day.
func clock(s string) (int, bool) {
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil && len(s) == len("15:04")
}
