package people

import "github.com/prometheus/client_golang/prometheus"

// metrics tell how often somebody was refused, never why: hiding, blocking and closing are one.
type metrics struct {
	refused *prometheus.CounterVec
	loads   prometheus.Counter
}

// Where somebody was refused.
const (
	atSend  = "send"
	atOpen  = "open"
	atQuota = "quota"
)

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_people_refused_total",
			Help: "Messages and conversations that were refused because the other side takes none, and first contacts beyond the quota.",
		}, []string{"at"}),
		loads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_people_loads_total", Help: "People whose settings were read from the database.",
		}),
	}
	for _, at := range []string{atSend, atOpen, atQuota} {
		m.refused.WithLabelValues(at)
	}
	if r != nil {
		r.MustRegister(m.refused, m.loads)
	}
	return m
}
