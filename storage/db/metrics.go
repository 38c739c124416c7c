package db

import (
	"database/sql"

	"github.com/prometheus/client_golang/prometheus"
)

// pools tells of connections, by what they are for: write, read.
type pools map[string]*sql.DB

var (
	openConns = prometheus.NewDesc("parley_db_open_connections", "Connections to the database.", []string{"pool"}, nil)
	busyConns = prometheus.NewDesc("parley_db_busy_connections", "Connections to the database that are in use.", []string{"pool"}, nil)
	maxConns  = prometheus.NewDesc("parley_db_max_connections", "Connections to the database that may be open.", []string{"pool"}, nil)
	waits     = prometheus.NewDesc("parley_db_waits_total", "Times that a connection had to be waited for.", []string{"pool"}, nil)
	waited    = prometheus.NewDesc("parley_db_wait_seconds_total", "Time that was spent waiting for a connection.", []string{"pool"}, nil)
)

// Describe implements [prometheus.Collector].
func (p pools) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{openConns, busyConns, maxConns, waits, waited} {
		c <- d
	}
}

// Collect implements [prometheus.Collector].
func (p pools) Collect(c chan<- prometheus.Metric) {
	for name, pool := range p {
		s := pool.Stats()
		c <- prometheus.MustNewConstMetric(openConns, prometheus.GaugeValue, float64(s.OpenConnections), name)
		c <- prometheus.MustNewConstMetric(busyConns, prometheus.GaugeValue, float64(s.InUse), name)
		c <- prometheus.MustNewConstMetric(maxConns, prometheus.GaugeValue, float64(s.MaxOpenConnections), name)
		c <- prometheus.MustNewConstMetric(waits, prometheus.CounterValue, float64(s.WaitCount), name)
		c <- prometheus.MustNewConstMetric(waited, prometheus.CounterValue, s.WaitDuration.Seconds(), name)
	}
}
