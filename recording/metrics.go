package recording

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	active  prometheus.Gauge
	bytes   prometheus.Counter
	sync    prometheus.Histogram
	dropped prometheus.Counter
	backlog prometheus.Gauge

	parts, partFailures, adopted              prometheus.Counter
	backlogParts, backlogBytes, backlogOldest prometheus.Gauge
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
	m.parts = prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_recording_parts_total",
		Help: "Parts of recordings that the bucket took."})
	m.partFailures = prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_recording_part_failures_total",
		Help: "Parts whose put failed; each is put again."})
	m.adopted = prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_recording_adopted_total",
		Help: "Recordings of dead nodes that this node adopted."})
	m.backlogParts = prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_recording_backlog_parts",
		Help: "Parts that it takes to bring what is on this disk only."})
	m.backlogBytes = prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_recording_backlog_bytes",
		Help: "Durable bytes of recordings that are on this disk only."})
	m.backlogOldest = prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_recording_backlog_oldest_seconds",
		Help: "How long the oldest of these bytes has been on this disk only."})
	r.MustRegister(m.active, m.bytes, m.sync, m.dropped, m.backlog, m.parts, m.partFailures, m.adopted,
		m.backlogParts, m.backlogBytes, m.backlogOldest)
	return m
}
