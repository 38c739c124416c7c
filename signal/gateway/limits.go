package gateway

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"parley/internal/identity"
	"parley/internal/limit"
	"parley/internal/policy"
	"parley/signal/wire"
)

// The limits of frames: a session's own, those of the device it runs on, which has several sessions when it comes back again
// and again or has several tabs, and those of the user with all devices. Over each the client is refused, and told when to
// come back, in words of its own.
var (
	errDevice = policy.ErrRateLimited.With("Too much comes from this device. Please wait a moment and try again.", "此设备操作过于频繁，请稍后再试。")
	errUser   = policy.ErrRateLimited.With("Too much comes from your account on all its devices. Please wait a moment and try again.",
		"您的账号在各设备上的操作合计过于频繁，请稍后再试。")
)

// helloFrames is how many frames a hello counts as: it costs the server as much.
const helloFrames = 10

// device names a user's device: a device's own name for itself is nobody else's business.
type device struct {
	user identity.UserID
	name string
}

// limiters are those that outlast a session.
type limiters struct {
	users   *limit.Limiter[identity.UserID]
	devices *limit.Limiter[device]
}

func newLimiters(l Limits, m prometheus.Registerer) limiters {
	return limiters{
		users:   limit.New[identity.UserID](limit.Config{Name: "user", Rate: rate.Limit(l.UserFrames), Burst: l.UserBurst, Metrics: m}),
		devices: limit.New[device](limit.Config{Name: "device", Rate: rate.Limit(l.Frames), Burst: l.Burst, Metrics: m}),
	}
}

func (l limiters) hello(user identity.UserID, name string) error {
	return l.take(device{user, name}, helloFrames)
}

// take asks for n frames of a device, if it has a name, and of its user.
func (l limiters) take(d device, n int) error {
	if d.name != "" && l.devices.TakeN(d, n) != nil {
		return errDevice.After(time.Second)
	}
	if l.users.TakeN(d.user, n) != nil {
		return errUser.After(time.Second)
	}
	return nil
}

// limited says why the frame is refused; nil when it is not. Pongs count for the session only: every session sends them.
func (s *session) limited(f wire.Frame) error {
	if _, ok := s.spent.Take(time.Now(), s.g.limits.Frames, s.g.limits.Burst, 1); !ok {
		return policy.ErrRateLimited.After(time.Second)
	}
	if _, pong := f.Body.(wire.Pong); pong {
		return nil
	}
	return s.g.limiters.take(device{s.who, s.device}, 1)
}

// slow refuses a frame over the limit and makes the client wait for the next: meanwhile nothing is taken from it. Who keeps
// it up is closed.
func (s *session) slow(ref string, why error) error {
	now := time.Now()
	if _, ok := s.strikes.Take(now, 1, s.g.limits.Refused, 1); !ok {
		return &ending{code: wire.CloseFlood, reason: "flood"}
	}
	s.paused = now.Add(time.Duration(float64(time.Second) / s.g.limits.Frames))
	s.arm()
	return s.refuse(ref, "", why)
}

// admission bounds how many hellos are served at once, so that a storm of clients that come back is served one after another
// and what is live already is served beside it.
type admission struct {
	places   chan struct{}
	patience time.Duration
}

// hellosAtOnce is for how many clients the database is asked at once what they need to begin.
const hellosAtOnce = 32

func newAdmission(patience time.Duration) admission {
	return admission{places: make(chan struct{}, hellosAtOnce), patience: patience}
}

// take waits for a place, in the order of arrival; false says that it took too long, or that ctx has ended.
func (a admission) take(ctx context.Context) bool {
	select {
	case a.places <- struct{}{}:
		return true
	default:
	}
	patience := time.NewTimer(a.patience)
	defer patience.Stop()
	select {
	case a.places <- struct{}{}:
		return true
	case <-patience.C:
	case <-ctx.Done():
	}
	return false
}

func (a admission) give() { <-a.places }

// giveWay gives the place back, once.
func (s *session) giveWay() {
	if s.admitted {
		s.admitted = false
		s.g.admission.give()
	}
}
