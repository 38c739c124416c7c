package cluster

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/policy"
)

type metrics struct {
	members, leases, streams prometheus.Gauge
	lost, missed, cut        prometheus.Counter
	calls                    *prometheus.CounterVec
	seconds                  *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	m := &metrics{
		members: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_cluster_members",
			Help: "Nodes that are alive as this one sees them, itself included."}),
		leases: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_cluster_leases",
			Help: "Rooms that this node holds."}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_cluster_streams",
			Help: "Streams that this node serves to others."}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_cluster_leases_lost_total",
			Help: "Rooms that went to another node while this one had them."}),
		missed: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_cluster_beats_missed_total",
			Help: "Beats that the store did not take."}),
		cut: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_cluster_streams_cut_total",
			Help: "Streams cut because their caller did not keep up."}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_cluster_calls_total",
			Help: "Calls to other nodes, the openings of streams included, by outcome: ok, refused, elsewhere, unreachable, error."},
			[]string{"method", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "parley_cluster_call_seconds",
			Help:    "Time from a call to another node to its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}, []string{"method"}),
	}
	r.MustRegister(m.members, m.leases, m.streams, m.lost, m.missed, m.cut, m.calls, m.seconds)
	return m
}

func (m *metrics) called(method string, began time.Time, err error) {
	m.calls.WithLabelValues(method, outcome(err)).Inc()
	m.seconds.WithLabelValues(method).Observe(time.Since(began).Seconds())
}

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	if _, ok := errors.AsType[*Elsewhere](err); ok {
		return "elsewhere"
	}
	if r, ok := errors.AsType[*policy.Refusal](err); ok && r.ID != policy.ErrInternal.ID {
		return "refused"
	}
	if errors.Is(err, ErrUnreachable) {
		return "unreachable"
	}
	return "error"
}
