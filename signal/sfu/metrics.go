package sfu

import (
	"github.com/prometheus/client_golang/prometheus"

	"parley/signal/sfu/udp"
)

// metrics counts; no label ever names a room, a peer or an address.
type metrics struct {
	rooms, peers        prometheus.Gauge
	packets, bytes      prometheus.Counter
	resent              prometheus.Counter
	nacksIn, nacksOut   prometheus.Counter
	plisIn, plisOut     prometheus.Counter
	lost                prometheus.Counter
	unknown, garbage    prometheus.Counter
	malformed, repeated prometheus.Counter
	delay               prometheus.Histogram

	datagrams, systemCalls, unsent, fellBack prometheus.Counter // of the sockets
}

func newMetrics(reg prometheus.Registerer) *metrics {
	vec := func(name, help, label string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
		reg.MustRegister(v)
		return v
	}
	one := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		reg.MustRegister(g)
		return g
	}
	nacks := vec("parley_sfu_nacks_total", "Packets asked for again.", "direction")
	plis := vec("parley_sfu_plis_total", "Requests for a key frame.", "direction")
	dropped := vec("parley_sfu_datagrams_dropped_total", "Datagrams and packets that were not forwarded.", "reason")
	m := &metrics{
		rooms:     gauge("parley_sfu_rooms", "Open rooms."),
		peers:     gauge("parley_sfu_peers", "Peers in rooms."),
		packets:   one("parley_sfu_packets_forwarded_total", "Packets sent to subscribers, without repeats."),
		bytes:     one("parley_sfu_bytes_forwarded_total", "Payload bytes sent to subscribers, without repeats."),
		resent:    one("parley_sfu_packets_resent_total", "Packets sent to subscribers again."),
		lost:      one("parley_sfu_packets_lost_total", "Packets of publishers that repair gave up."),
		nacksIn:   nacks.WithLabelValues("received"),
		nacksOut:  nacks.WithLabelValues("sent"),
		plisIn:    plis.WithLabelValues("received"),
		plisOut:   plis.WithLabelValues("sent"),
		garbage:   dropped.WithLabelValues("garbage"),
		unknown:   dropped.WithLabelValues("unknown_source"),
		malformed: dropped.WithLabelValues("malformed"),
		repeated:  dropped.WithLabelValues("repeated"),

		datagrams:   one("parley_sfu_udp_datagrams_total", "Datagrams handed to the kernel."),
		systemCalls: one("parley_sfu_udp_system_calls_total", "System calls that sent them."),
		unsent:      one("parley_sfu_udp_datagrams_failed_total", "Datagrams that the kernel did not take."),
		fellBack:    one("parley_sfu_udp_fallbacks_total", "Sockets that gave up segmentation offload."),

		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "parley_sfu_forward_delay_seconds",
			Help:    "From a packet's arrival to its last subscriber, sampled.",
			Buckets: prometheus.ExponentialBuckets(20e-6, 2.5, 12),
		}),
	}
	reg.MustRegister(m.delay)
	return m
}

// sent counts a system call of a socket.
func (m *metrics) sent(datagrams int, err error) {
	m.systemCalls.Inc()
	m.datagrams.Add(float64(datagrams))
	if err != nil {
		m.unsent.Add(float64(datagrams))
	}
}

// dropped counts what the socket did not hand on.
func (m *metrics) dropped(udp.Kind) { m.garbage.Inc() }
