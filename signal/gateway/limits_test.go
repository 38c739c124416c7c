package gateway_test

import (
	"strings"
	"testing"
	"time"

	"parley/internal/identity"
	"parley/signal/gateway"
	"parley/signal/wire"
)

// on says hello from a device.
func (n *node) on(p identity.Principal, device string) *raw {
	n.t.Helper()
	r := n.raw()
	r.send("h", wire.Hello{Token: token(n.t, p, time.Hour), Device: device})
	return r
}

// pings sends so many and returns the first refusal, if there is one.
func (r *raw) pings(count int) *wire.Error {
	r.t.Helper()
	for range count {
		r.send("p", wire.Ping{})
		for {
			f, err := r.next()
			if err != nil {
				r.t.Fatal(err)
			}
			if e, ok := f.Body.(wire.Error); ok {
				return &e
			}
			if f.Ref == "p" {
				break
			}
		}
	}
	return nil
}

func TestASessionADeviceAndAUserHaveLimitsOfTheirOwn(t *testing.T) {
	tests := []struct {
		name          string
		first, second string // devices
		limits        gateway.Limits
		words         string // of the refusal of the second session
	}{
		{"other devices of a user", "phone", "laptop", gateway.Limits{Frames: 1, Burst: 50, UserFrames: 1, UserBurst: 60}, "your account"},
		{"sessions of a device", "phone", "phone", gateway.Limits{Frames: 1, Burst: 50, UserBurst: 1000}, "this device"},
		{"sessions without a device", "", "", gateway.Limits{Frames: 1, Burst: 50, UserFrames: 1, UserBurst: 60}, "your account"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := start(t, limits(tt.limits))
			a, b := n.on(ann, tt.first), n.on(ann, tt.second)
			expect[wire.Welcome](a, "h")
			expect[wire.Welcome](b, "h")
			if e := a.pings(25); e != nil {
				t.Fatalf("the first is refused: %+v", e)
			}
			e := b.pings(25)
			if e == nil || e.ID != "rate_limited" || !e.Retry || e.RetryAfter <= 0 || !strings.Contains(e.Text["en"], tt.words) || e.Text["zh"] == "" {
				t.Fatalf("the second is refused with %+v", e)
			}
			other := n.on(rob, tt.first)
			expect[wire.Welcome](other, "h")
			if e := other.pings(25); e != nil {
				t.Errorf("another user is refused: %+v", e)
			}
		})
	}
}

func TestWhoSaysHelloTooOftenIsToldToWait(t *testing.T) {
	n := start(t, limits(gateway.Limits{Frames: 1, Burst: 30}))
	for range 3 {
		expect[wire.Welcome](n.on(ann, "phone"), "h")
	}
	r := n.on(ann, "phone")
	if e := r.expectError("h", "rate_limited"); e.RetryAfter <= 0 || !e.Retry {
		t.Errorf("got %+v", e)
	}
	r.expectClose(wire.CloseFlood)
	expect[wire.Welcome](n.on(ann, "laptop"), "h")
}

func TestPongsDoNotCountForTheUser(t *testing.T) {
	n := start(t, limits(gateway.Limits{Frames: 1, Burst: 100, UserFrames: 1, UserBurst: 20}))
	r := n.on(ann, "phone")
	expect[wire.Welcome](r, "h")
	for range 50 {
		r.send("", wire.Pong{})
	}
	if e := r.pings(5); e != nil {
		t.Errorf("refused: %+v", e)
	}
}
