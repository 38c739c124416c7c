package gateway

import (
	"net/http"
	"net/netip"
	"sync"

	"golang.org/x/time/rate"
)

// addresses limits how often one address connects. It remembers two generations of at most half its size each and forgets
// the older one when the younger is full, so that a flood from many addresses costs bounded memory.
type addresses struct {
	every rate.Limit
	burst int

	mu         sync.Mutex
	young, old map[netip.Prefix]*rate.Limiter
}

const halfAddresses = 1 << 14

func newAddresses(perSecond float64, burst int) *addresses {
	return &addresses{every: rate.Limit(perSecond), burst: burst, young: map[netip.Prefix]*rate.Limiter{}}
}

func (a *addresses) allow(addr netip.Addr) bool {
	bits := 32
	if addr = addr.Unmap(); addr.Is6() {
		bits = 64 // one subscriber's network
	}
	p, err := addr.WithZone("").Prefix(bits)
	if err != nil {
		return true // no address: a pipe of a test or a proxy on a Unix socket
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.limiter(p).Allow()
}

func (a *addresses) limiter(p netip.Prefix) *rate.Limiter {
	if l := a.young[p]; l != nil {
		return l
	}
	l := a.old[p]
	if l == nil {
		l = rate.NewLimiter(a.every, a.burst)
	}
	if len(a.young) >= halfAddresses {
		a.old, a.young = a.young, map[netip.Prefix]*rate.Limiter{}
	}
	a.young[p] = l
	return l
}

func peerAddress(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr()
}
