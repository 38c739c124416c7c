package crowd

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	people     prometheus.Gauge
	entries    prometheus.Counter
	deliveries prometheus.Counter
	dropped    prometheus.Counter
	refused    prometheus.Counter
	commit     prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	count := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		people:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_crowd_subscribers", Help: "Sessions of this node that are in a room."}),
		entries:    count("parley_crowd_entries_total", "Entries that were stored."),
		deliveries: count("parley_crowd_deliveries_total", "Entries given to a subscriber, one each."),
		dropped:    count("parley_crowd_dropped_total", "Entries that were stored and not shown, for want of room in a frame."),
		refused:    count("parley_crowd_refused_total", "Entries refused because too many waited for a room's commit."),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_crowd_commit_seconds", Help: "Time of one transaction of a room.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
	}
	r.MustRegister(m.people, m.entries, m.deliveries, m.dropped, m.refused, m.commit)
	return m
}
