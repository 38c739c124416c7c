package sql

import (
	"testing"
	"time"

	"parley/internal/testenv/engines"
)

func BenchmarkOpenInMemory(b *testing.B) {
	v := openTest(b, engines.PostgreSQL(b))
	mustCreate(b, v, "a")
	for b.Loop() {
		if _, err := v.Open(b.Context(), "a"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenFromDatabase(b *testing.B) {
	v := openTest(b, engines.PostgreSQL(b), func(c *Config) { c.Cache = 1 })
	mustCreate(b, v, name(0))
	mustCreate(b, v, name(1))
	for n := 0; b.Loop(); n++ {
		if _, err := v.Open(b.Context(), name(n%2)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreate(b *testing.B) {
	v := openTest(b, engines.PostgreSQL(b))
	for n := 0; b.Loop(); n++ {
		mustCreate(b, v, name(n))
	}
}

func BenchmarkDestroy(b *testing.B) {
	v := openTest(b, engines.PostgreSQL(b))
	for n := 0; b.Loop(); n++ {
		mustDestroy(b, v, name(n))
	}
}

// BenchmarkRotateRoot tells how long a rotation takes for a key.
func BenchmarkRotateRoot(b *testing.B) {
	const rows = 5000
	v := openTest(b, engines.PostgreSQL(b))
	for n := range rows {
		mustCreate(b, v, name(n))
	}
	var spent time.Duration
	times := 0
	for b.Loop() {
		began := time.Now()
		if err := v.RotateRoot(b.Context()); err != nil {
			b.Fatal(err)
		}
		spent += time.Since(began)
		times++
	}
	b.ReportMetric(float64(spent.Microseconds())/float64(times*rows), "µs/key")
}
