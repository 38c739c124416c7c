package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"parley/signal/wire"
)

type metrics struct {
	sessions prometheus.Gauge
	frames   *prometheus.CounterVec
	dirty    prometheus.Counter
	resume   prometheus.Histogram
	closed   *prometheus.CounterVec
	hints    prometheus.Counter
	in, out  map[wire.Kind]prometheus.Counter // of frames, so that counting looks nothing up by labels
	unknown  prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	m := &metrics{
		sessions: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_gateway_sessions", Help: "Sessions open now."}),
		frames: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_gateway_frames_total",
			Help: "Frames by kind (\"unknown\" for what is no kind) and direction."}, []string{"kind", "dir"}),
		dirty: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_gateway_dirty_total",
			Help: "Times that a slow reader's pushes gave way to chat.dirty."}),
		resume: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_gateway_resume_seconds",
			Help: "From hello to live.", Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_gateway_closed_total",
			Help: "Connections ended, by reason."}, []string{"reason"}),
		hints: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_gateway_hints_lost_total",
			Help: "Hints that could not be sent or understood; pings repair them."}),
		in: map[wire.Kind]prometheus.Counter{}, out: map[wire.Kind]prometheus.Counter{},
	}
	r.MustRegister(m.sessions, m.frames, m.dirty, m.resume, m.closed, m.hints)
	for _, k := range wire.Kinds() {
		if k.Sender()&wire.Client != 0 {
			m.in[k] = m.frames.WithLabelValues(string(k), "in")
		}
		if k.Sender()&wire.Server != 0 {
			m.out[k] = m.frames.WithLabelValues(string(k), "out")
		}
	}
	m.unknown = m.frames.WithLabelValues("unknown", "in")
	return m
}

func (m *metrics) received(k wire.Kind) {
	if c := m.in[k]; c != nil {
		c.Inc()
		return
	}
	m.unknown.Inc()
}
