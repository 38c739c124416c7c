package admin

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	dto "github.com/prometheus/client_model/go"
)

// Status is what everybody may know of the node at work: sums, nothing of a person.
type Status struct {
	Connections uint64  `json:"connections" doc:"Open WebSockets"`
	Messages    float64 `json:"messages_per_s" doc:"Entries committed a second, since the last time somebody asked"`
	Rooms       uint64  `json:"rooms" doc:"Interviews with somebody in"`
	Recordings  uint64  `json:"recordings" doc:"Running now"`
	Head        *Head   `json:"last_head,omitempty" doc:"The last head that this node sealed since it started"`
}

// Head is a sealed head.
type Head struct {
	Time time.Time `json:"time"`
	Hash string    `json:"hash"`
}

// The metrics that the figures are made of.
const (
	metricConnections = "parley_gateway_sessions"
	metricMessages    = "parley_chat_entries_total"
	metricRooms       = "parley_sfu_rooms"
	metricRecordings  = "parley_recording_active"
)

type shownStatus struct {
	CacheControl string `header:"Cache-Control"`
	Body         Status
}

func (a *API) status() {
	public(a, huma.Operation{
		OperationID: "get-status", Method: http.MethodGet, Path: "/v1/status", Summary: "A node at work",
		Description: "Figures of the node that answers; behind a load balancer each answer may be another's. For sums over all nodes, take the metrics.",
	}, a.showStatus)
}

func (a *API) showStatus(ctx context.Context, _ *struct{}) (*shownStatus, error) {
	families, err := a.Figures.Gather()
	if err != nil {
		return nil, err
	}
	sums := sumMetrics(families, metricConnections, metricMessages, metricRooms, metricRecordings)
	out := &shownStatus{CacheControl: "no-store", Body: Status{
		Connections: uint64(sums[metricConnections]),
		Messages:    a.rate.Observe(sums[metricMessages]),
		Rooms:       uint64(sums[metricRooms]),
		Recordings:  uint64(sums[metricRecordings]),
	}}
	if head, ok := a.LastHead(ctx); ok {
		out.Body.Head = &head
	}
	return out, nil
}

// sumMetrics adds up the gauges and counters of each name over all labels.
func sumMetrics(families []*dto.MetricFamily, names ...string) map[string]float64 {
	sums := make(map[string]float64, len(names))
	for _, name := range names {
		sums[name] = 0
	}
	for _, f := range families {
		if _, wanted := sums[f.GetName()]; !wanted {
			continue
		}
		for _, m := range f.GetMetric() {
			sums[f.GetName()] += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return sums
}

// rate turns a counter into a rate between observations that are at least a second apart.
type rate struct {
	now func() time.Time

	mu    sync.Mutex
	older reading
	newer reading
}

type reading struct {
	at    time.Time
	value float64
}

func newRate(now func() time.Time) *rate {
	start := reading{at: now()}
	return &rate{now: now, older: start, newer: start}
}

// Observe takes the counter's value and returns its growth a second since the observation before.
func (r *rate) Observe(value float64) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if now.Sub(r.newer.at) >= time.Second {
		r.older, r.newer = r.newer, reading{now, value}
	}
	passed := now.Sub(r.older.at).Seconds()
	if passed < 1 {
		return 0
	}
	return (value - r.older.value) / passed
}
