package interview

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	active  prometheus.Gauge
	started prometheus.Counter
	ended   *prometheus.CounterVec
	join    prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	m := &metrics{
		active: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_interview_active",
			Help: "Interviews with a room on this node."}),
		started: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_interview_started_total",
			Help: "Interviews that went live: all participants were present."}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_interview_ended_total",
			Help: "Interviews that ended, by reason."}, []string{"reason"}),
		join: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_interview_join_seconds",
			Help:    "Time from a join to its answer, the start of the recording included.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}}),
	}
	r.MustRegister(m.active, m.started, m.ended, m.join)
	return m
}
