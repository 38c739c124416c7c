package moderation

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	verdicts *prometheus.CounterVec
	found    *prometheus.CounterVec
	veto     *prometheus.CounterVec
	reloads  prometheus.Counter
	faulty   prometheus.Gauge
	reports  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	f := promauto.With(reg)
	m := &metrics{
		verdicts: f.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_moderation_verdicts_total", Help: "What people wanted to write, by what became of it.",
		}, []string{"verdict"}),
		found: f.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_moderation_findings_total", Help: "Messages that rules did not simply let through, by what was found first.",
		}, []string{"kind"}),
		veto: f.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_moderation_vetoes_total", Help: "Answers of the webhook that may veto; none: it gave none in time.",
		}, []string{"answer"}),
		reloads: f.NewCounter(prometheus.CounterOpts{
			Name: "parley_moderation_reloads_total", Help: "How often changed rules were taken over.",
		}),
		faulty: f.NewGauge(prometheus.GaugeOpts{
			Name: "parley_moderation_rules_faulty", Help: "1 while the rules file can't be loaded and older rules are in force.",
		}),
		reports: f.NewCounter(prometheus.CounterOpts{
			Name: "parley_moderation_reports_total", Help: "Reports that people filed.",
		}),
	}
	// All there may be are there from the start, so that a rate has something to begin from.
	for _, v := range []string{"allow", "confirm", "mask", "refuse", "muted", "veto"} {
		m.verdicts.WithLabelValues(v)
	}
	for k := Phone; k <= Listed; k++ {
		m.found.WithLabelValues(k.String())
	}
	for _, a := range []string{"allow", "confirm", "refuse", "none"} {
		m.veto.WithLabelValues(a)
	}
	return m
}

func (m *metrics) judged(j *judgement, err error) {
	switch {
	case err != nil && j.action != Confirm && j.action != Refuse:
		m.verdicts.WithLabelValues("veto").Inc()
	case err != nil || j.action == Mask:
		m.verdicts.WithLabelValues(j.action.String()).Inc()
	default:
		m.verdicts.WithLabelValues("allow").Inc()
	}
	if j.action > Allow {
		m.found.WithLabelValues(j.by.kind.String()).Inc()
	}
}
