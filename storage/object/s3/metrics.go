package s3

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// operation is what a request of the store is for, as metrics name it.
type operation string

const (
	opPut    operation = "put"
	opGet    operation = "get"
	opStat   operation = "stat"
	opList   operation = "list"
	opCanary operation = "canary"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	canary   prometheus.Gauge
}

func (m *metrics) register(to prometheus.Registerer) {
	m.requests = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_object_requests_total",
		Help: "Requests of the object store: ok, exists (the key was there), not_found, refused, failed (no or a broken answer), canceled."},
		[]string{"operation", "outcome"})
	m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "parley_object_request_seconds",
		Help: "How long requests of the object store take.", Buckets: []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 15, 60}},
		[]string{"operation"})
	m.canary = prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_object_canary_ok",
		Help: "1 while the last proof of the store's locks, checksums and credentials held, 0 when it did not or could not be made."})
	if to != nil {
		to.MustRegister(m.requests, m.seconds, m.canary)
	}
}

func (m *metrics) saw(op operation, took time.Duration, err error) {
	m.requests.WithLabelValues(string(op), outcome(err)).Inc()
	m.seconds.WithLabelValues(string(op)).Observe(took.Seconds())
}

func outcome(err error) string {
	s := status(err)
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "canceled"
	case s == http.StatusPreconditionFailed:
		return "exists"
	case s == http.StatusNotFound:
		return "not_found"
	case s >= 400 && s < 500:
		return "refused"
	}
	return "failed"
}
