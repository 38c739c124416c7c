package notice

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	reminders *prometheus.CounterVec
	notices   *prometheus.CounterVec
	failed    prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	f := promauto.With(reg)
	m := &metrics{
		reminders: f.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_notice_reminders_total", Help: "Reminders of what is unread that were handed to the outbox, by channel.",
		}, []string{"channel"}),
		notices: f.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_notice_notices_total", Help: "Notices of the platform that were handed to the outbox, by class.",
		}, []string{"class"}),
		failed: f.NewCounter(prometheus.CounterOpts{
			Name: "parley_notice_failures_total", Help: "Portions of reminders or notices that have to be worked off again.",
		}),
	}
	// All there may be are there from the start, so that a rate has something to begin from.
	for _, c := range append(slices.Clone(Channels), "other") {
		m.reminders.WithLabelValues(c)
	}
	for _, c := range []Class{Marketing, Recommendation, ServiceNotice} {
		m.notices.WithLabelValues(string(c))
	}
	return m
}

// bounded keeps a label from having as many values as people think of.
func bounded(channel string) string {
	if slices.Contains(Channels, channel) {
		return channel
	}
	return "other"
}
