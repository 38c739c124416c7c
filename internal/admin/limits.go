package admin

import (
	"net/http"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/identity"
	"parley/internal/limit"
)

// limits bound how often somebody may ask. Beyond, the answer says when to come back.
type limits struct {
	people    *limit.Limiter[identity.UserID] // each person
	services  *limit.Limiter[identity.UserID] // each backend of the platform
	strangers *limit.Limiter[netip.Prefix]    // each address, for what needs no token
}

func newLimits(r prometheus.Registerer) limits {
	return limits{
		people:    limit.New[identity.UserID](limit.Config{Name: "http", Rate: 20, Burst: 200, Metrics: r}),
		services:  limit.New[identity.UserID](limit.Config{Name: "http-service", Rate: 500, Burst: 2000, Metrics: r}),
		strangers: limit.New[netip.Prefix](limit.Config{Name: "http-public", Rate: 50, Burst: 500, Metrics: r}),
	}
}

func (l limits) known(p identity.Principal) error {
	if p.Role == identity.Service {
		return l.services.Take(p.User)
	}
	return l.people.Take(p.User)
}

// stranger counts a request without a good token, also a failed try of one.
func (a *API) stranger(r *http.Request) error {
	return a.limits.strangers.Take(limit.Address(a.Address(r)))
}

// peer is the address of the connection.
func peer(r *http.Request) netip.Addr {
	p, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap()
}
