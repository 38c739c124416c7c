package chat

import (
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	entries    *prometheus.CounterVec // by type
	duplicates prometheus.Counter
	commit     prometheus.Histogram
	batch      prometheus.Histogram
	refused    prometheus.Counter
}

func newMetrics(r prometheus.Registerer, queued func() float64) *metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	m := &metrics{
		entries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_chat_entries_total", Help: "Entries committed to the log, by type."}, []string{"type"}),
		duplicates: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_chat_duplicates_total", Help: "Repeats of entries that were in the log already."}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "parley_chat_commit_seconds", Help: "Time of one transaction of a lane.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "parley_chat_batch_entries", Help: "Entries and marks in one transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 8)}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_chat_refused_total", Help: "Entries and marks refused because a lane's inbox was full."}),
	}
	queue := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_chat_queue_entries", Help: "Entries and marks that wait for a lane."}, queued)
	r.MustRegister(queue, m.entries, m.duplicates, m.commit, m.batch, m.refused)
	return m
}

func (m *metrics) placed(kind string, p Placed) {
	switch {
	case p.Err != nil:
	case p.Dup:
		m.duplicates.Inc()
	default:
		m.entries.WithLabelValues(kind).Inc()
	}
}
