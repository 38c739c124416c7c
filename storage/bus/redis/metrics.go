package redis

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	messages, dropped, unreadable, rebuilds prometheus.Counter
}

func newMetrics(r prometheus.Registerer, b *Bus) *metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		r.MustRegister(c)
		return c
	}
	r.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "parley_bus_up",
			Help: "Whether the node is connected to the others through Redis (1) or alone (0)."}, func() float64 {
			if b.current.get() == nil {
				return 0
			}
			return 1
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "parley_bus_probe_age_seconds",
			Help: "Time since the last message of the node to itself came back through Redis."}, func() float64 {
			return time.Since(time.Unix(0, b.heard.Load())).Seconds()
		}),
	)
	return &metrics{
		messages:   counter("parley_bus_messages_total", "Messages queued for a node."),
		dropped:    counter("parley_bus_dropped_total", "Messages that a slow node or a Redis that was away lost."),
		unreadable: counter("parley_bus_unreadable_total", "Messages on this node's channel that no node of the cluster has sealed."),
		rebuilds:   counter("parley_bus_rebuilds_total", "Times that the connection to Redis was made anew, with all that hangs on it."),
	}
}
