package outbox

import (
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	pending, oldest, dead prometheus.Gauge
	delivered, given      prometheus.Counter
	failed                *prometheus.CounterVec // by reason
	took                  prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		pending:   gauge("parley_outbox_pending", "Events that wait for delivery, of all nodes; counted up to 100000."),
		oldest:    gauge("parley_outbox_oldest_age_seconds", "Age of the event that has waited for longest; 0 when none waits."),
		dead:      gauge("parley_outbox_dead_letters", "Events that were given up and can be replayed."),
		delivered: counter("parley_outbox_delivered_total", "Events that the target answered with 2xx."),
		given:     counter("parley_outbox_dead_total", "Events that were given up by this node."),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_outbox_failed_total", Help: "Tries that the target did not answer with 2xx, by reason."}, []string{"reason"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "parley_outbox_delivery_seconds", Help: "Time of one try.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
	}
	r.MustRegister(m.pending, m.oldest, m.dead, m.delivered, m.given, m.failed, m.took)
	return m
}

func (m *metrics) show(b Backlog) {
	m.pending.Set(float64(b.Pending))
	m.oldest.Set(b.Oldest.Seconds())
	m.dead.Set(float64(b.Dead))
}
