package outbox

import (
	"net/http"
	"time"
)

// Attempts and Longest are the bounds of the back-off.
const (
	Attempts = attempts
	Longest  = longestWait
)

// Through makes the outbox speak to the transport instead of the network.
func (o *Outbox) Through(t http.RoundTripper) { o.client.Transport = t }

// Lease is how long a claim holds.
func (o *Outbox) Lease() time.Duration { return o.lease }
