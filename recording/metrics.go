package recording

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	active  prometheus.Gauge
	bytes   prometheus.Counter
	sync    prometheus.Histogram
	dropped prometheus.Counter
	backlog prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	m := &metrics{
		active: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_recording_active",
			Help: "Recordings that are running."}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_recording_bytes_total",
			Help: "Bytes written to journals."}),
		sync: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_recording_sync_seconds",
			Help: "Time of one sync of a journal.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 12)}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_recording_dropped_packets_total",
			Help: "Packets that a recorder had to drop; each is part of a gap in a journal."}),
		backlog: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_recording_upload_backlog",
			Help: "Sealed recordings whose upload is not yet confirmed."}),
	}
	r.MustRegister(m.active, m.bytes, m.sync, m.dropped, m.backlog)
	return m
}
