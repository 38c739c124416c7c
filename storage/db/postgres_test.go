package db

import (
	"database/sql"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/testenv/engines"
)

func TestEachConnectionHasItsTimeoutsAndIsDurable(t *testing.T) {
	d := openURL(t, engines.PostgreSQL(t))
	for name, pool := range map[string]*sql.DB{"off": d.write, "on": d.read.DB} {
		for setting, want := range map[string]string{
			"statement_timeout": "15s", "lock_timeout": "8s", "idle_in_transaction_session_timeout": "10s",
			"synchronous_commit": "on", "jit": "off", "default_transaction_isolation": "read committed", "default_transaction_read_only": name,
		} {
			var got string
			if err := pool.QueryRow(`SHOW ` + setting).Scan(&got); err != nil || got != want {
				t.Errorf("%s = %q, %v; want %q", setting, got, err, want)
			}
		}
	}
}

func TestPoolsAreBoundedAndCounted(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	d, err := OpenPostgres(t.Context(), engines.PostgreSQL(t), PostgresConfig{MaxConns: 30, Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if w, r := d.write.Stats().MaxOpenConnections, d.read.Stats().MaxOpenConnections; w != 10 || r != 20 {
		t.Errorf("%d for writing and %d for reading, want 10 and 20", w, r)
	}
	tx, err := d.write.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for name, want := range map[string]float64{
		"parley_db_busy_connections/read": 0, "parley_db_busy_connections/write": 1, "parley_db_open_connections/write": 1,
		"parley_db_max_connections/read": 20, "parley_db_max_connections/write": 10,
		"parley_db_waits_total/write": 0, "parley_db_wait_seconds_total/read": 0,
	} {
		if got, ok := gathered(t, registry)[name]; !ok || got != want {
			t.Errorf("%s is %v (there: %v), want %v", name, got, ok, want)
		}
	}
}

// gathered is each metric of the pools as name/pool.
func gathered(t *testing.T, r prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			values[f.GetName()+"/"+m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return values
}

func TestLanesNeverHoldTheLastConnectionForWriting(t *testing.T) {
	const lanes = 4
	for _, max := range []int{0, 1, 12, 24, 100} {
		c := PostgresConfig{MaxConns: max}.withDefaults()
		if c.writers() < lanes+2 || c.MaxConns-c.writers() < lanes+2 {
			t.Errorf("of %d: %d write, %d read", c.MaxConns, c.writers(), c.MaxConns-c.writers())
		}
	}
}

// The clock of the database orders what several nodes do.
func TestNowIsTheDatabasesClockInMicroseconds(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		var first, second int64
		for _, p := range []*int64{&first, &second} {
			if err := d.read.QueryRow(`SELECT ` + d.now()).Scan(p); err != nil {
				t.Fatal(err)
			}
		}
		here := micros(d.clock())
		if first > second || second-first > 60_000_000 || here-second > 60_000_000 || second > here+60_000_000 {
			t.Errorf("%d, then %d; here it is %d", first, second, here)
		}
	})
}
