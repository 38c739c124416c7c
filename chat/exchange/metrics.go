package exchange

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	steps    *prometheus.CounterVec
	failures prometheus.Counter
	numbers  prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	m := &metrics{
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_exchange_steps_total", Help: "Steps of exchanges by what is exchanged and the state they led to.",
		}, []string{"what", "state"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_exchange_due_failures_total", Help: "Exchanges that were due and could not be taken further yet.",
		}),
		numbers: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_exchange_number_failures_total", Help: "Virtual numbers that could not be assigned or released.",
		}),
	}
	r.MustRegister(m.steps, m.failures, m.numbers)
	for _, what := range whats { // all there may be are there from the start, so that a rate has something to begin from
		for _, state := range []string{requested, accepted, declined, expired, withdrawn, unavailable} {
			m.steps.WithLabelValues(what, state)
		}
	}
	return m
}

func (m *metrics) step(what, state string) { m.steps.WithLabelValues(what, state).Inc() }
