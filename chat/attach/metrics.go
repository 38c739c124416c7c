package attach

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/policy"
)

type metrics struct {
	uploads  *prometheus.CounterVec
	opens    *prometheus.CounterVec
	received prometheus.Counter
	stored   prometheus.Counter
	swept    prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		uploads: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_attach_uploads_total",
			Help: "Files that came whole, by what became of them."}, []string{"kind", "outcome"}),
		opens: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_attach_opens_total",
			Help: "Addresses given to read attachments from."}, []string{"kind"}),
		received: counter("parley_attach_received_bytes_total", "Bytes of uploads in parts that were made durable."),
		stored:   counter("parley_attach_stored_bytes_total", "Bytes of attachments that were stored."),
		swept:    counter("parley_attach_swept_objects_total", "Objects that nobody referred to and that were deleted."),
	}
	r.MustRegister(m.uploads, m.opens, m.received, m.stored, m.swept)
	for k := range MaxSize { // all there may be are there from the start, so that a rate has something to begin from
		m.opens.WithLabelValues(string(k))
		for _, outcome := range []string{"stored", "refused", "failed"} {
			m.uploads.WithLabelValues(string(k), outcome)
		}
	}
	return m
}

// finished counts a file that came whole.
func (m *metrics) finished(k Kind, err error) {
	outcome := "stored"
	var r *policy.Refusal
	switch {
	case errors.As(err, &r):
		outcome = "refused"
	case err != nil:
		outcome = "failed"
	}
	m.uploads.WithLabelValues(string(k), outcome).Inc()
}

func (m *metrics) opened(k Kind) { m.opens.WithLabelValues(string(k)).Inc() }
