package notice

import (
	"testing"
	"time"

	"parley/signal/wire"
)

func TestQuietHoursAreThoseOfThePersonsOwnClock(t *testing.T) {
	at := func(s string) time.Time {
		moment, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	night := wire.Quiet{From: "22:00", To: "08:00"}
	for _, c := range []struct {
		quiet wire.Quiet
		now   string
		want  time.Duration
	}{
		{night, "2026-03-09T21:59:59+08:00", 0},
		{night, "2026-03-09T22:00:00+08:00", 10 * time.Hour},
		{night, "2026-03-09T23:30:00+08:00", 8*time.Hour + 30*time.Minute},
		{night, "2026-03-10T07:59:59+08:00", time.Second},
		{night, "2026-03-10T08:00:00+08:00", 0},
		{night, "2026-03-09T15:00:00Z", 9 * time.Hour}, // 23:00 in Shanghai
		{wire.Quiet{From: "12:00", To: "14:00", Zone: "Europe/Berlin"}, "2026-03-09T11:30:00Z", 90 * time.Minute},
		{wire.Quiet{From: "22:00", To: "08:00", Zone: "Europe/Berlin"}, "2026-03-28T22:00:00Z", 8 * time.Hour}, // the clock goes forward
		{wire.Quiet{From: "22:00", To: "08:00", Zone: "Europe/Berlin"}, "2026-10-24T20:00:00Z", 11 * time.Hour},
		{wire.Quiet{}, "2026-03-09T23:00:00+08:00", 0},
		{wire.Quiet{From: "08:00", To: "08:00"}, "2026-03-09T08:00:00+08:00", 0},
		{wire.Quiet{From: "8:00", To: "25:00"}, "2026-03-09T09:00:00+08:00", 0},
		{wire.Quiet{From: "22:00", To: "08:00", Zone: "Nowhere/Land"}, "2026-03-09T23:00:00+08:00", 0},
	} {
		if got := quietFor(c.quiet, at(c.now)); got != c.want {
			t.Errorf("%+v at %s: %v, want %v", c.quiet, c.now, got, c.want)
		}
	}
}

func FuzzQuietHoursEnd(f *testing.F) {
	f.Add("22:00", "08:00", "Asia/Shanghai", int64(1772600000))
	f.Add("00:00", "23:59", "America/New_York", int64(1772600000))
	f.Fuzz(func(t *testing.T, from, to, zone string, unix int64) {
		wait := quietFor(wire.Quiet{From: from, To: to, Zone: zone}, time.Unix(unix%4e9, 0))
		if wait < 0 || wait > 26*time.Hour {
			t.Fatalf("%v", wait)
		}
	})
}
