package sealer

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	entries  prometheus.Counter
	trees    prometheus.Counter
	failures prometheus.Counter
	races    prometheus.Counter
	broken   prometheus.Counter
	delay    prometheus.Histogram
}

func newMetrics(r prometheus.Registerer, waiting func() float64) *metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	m := &metrics{
		entries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_seal_entries_total", Help: "Entries of conversations that were sealed."}),
		trees: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_seal_trees_total", Help: "Trees over conversations that were signed and stored."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_seal_failures_total", Help: "Rounds in which conversations could not be sealed; the next one tries again."}),
		races: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_seal_races_total", Help: "Trees that another node was faster with."}),
		broken: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_seal_broken_total", Help: "Logs found with a hole; they are not sealed further."}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "parley_seal_delay_seconds", Help: "Age of the oldest entry of a conversation as it is sealed.",
			Buckets: prometheus.ExponentialBuckets(0.25, 2, 12)}),
	}
	queue := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_seal_waiting_conversations", Help: "Conversations that changed since they were sealed."}, waiting)
	r.MustRegister(queue, m.entries, m.trees, m.failures, m.races, m.broken, m.delay)
	return m
}

func (m *metrics) sealed(drafts []draft, now time.Time) {
	m.trees.Inc()
	for _, d := range drafts {
		m.entries.Add(float64(len(d.fresh)))
		m.delay.Observe(now.Sub(d.fresh[0].Time).Seconds())
	}
}
