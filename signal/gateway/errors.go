package gateway

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"parley/internal/policy"
	"parley/signal/wire"
)

// The refusals that only a stream of frames knows.
var (
	errBadFrame = &policy.Refusal{ID: "bad_frame", Status: http.StatusBadRequest,
		Zh: "无法识别收到的数据帧。", En: "This is not a frame of the protocol."}
	errUnknownKind = &policy.Refusal{ID: "unknown_kind", Status: http.StatusBadRequest,
		Zh: "服务器不支持此类数据帧，请升级客户端或稍后再试。", En: "The server does not know this kind of frame."}
)

// retryBusy is when to come back to a server that is full or going down, before jitter.
const retryBusy = 2 * time.Second

// maxSpread bounds jitter: the retry_after of who is muted, or has used up a day's quota, is shown to people as the end of it.
const maxSpread = 10 * time.Second

// jitter returns between d and twice d, at most maxSpread later, so that what was refused together does not come back together.
func jitter(d time.Duration) time.Duration { return d + rand.N(min(d, maxSpread)+1) }

// refusal is the gateway's one mapper of errors: refusals go to the client as they are, anything else is internal and
// logged here, once.
func (s *session) refusal(ctx context.Context, doing wire.Kind, err error) *policy.Refusal {
	if r, ok := errors.AsType[*policy.Refusal](err); ok {
		return r
	}
	if e, ok := errors.AsType[*wire.UnknownKindError](err); ok {
		return errUnknownKind.With("The server does not know frames of kind "+string(e.Kind)+".", "服务器不支持 "+string(e.Kind)+" 类数据帧。")
	}
	if e, ok := errors.AsType[*wire.BodyError](err); ok && e.Field != "" {
		return errBadFrame.With("Wrong type of field "+e.Field+" in "+string(e.Kind)+".", string(e.Kind)+" 的字段 "+e.Field+" 类型不正确。")
	}
	if errors.Is(err, wire.ErrBadFrame) {
		return errBadFrame
	}
	if !errors.Is(err, context.Canceled) { // else the session is ending, which is no fault
		s.g.log.LogAttrs(ctx, slog.LevelError, "a frame could not be served", slog.String("kind", string(doing)), slog.Any("err", err))
	}
	return policy.ErrInternal
}

func wireError(r *policy.Refusal) wire.Error {
	e := wire.Error{ID: r.ID, Text: r.Texts(), Retry: r.Retry}
	if r.RetryAfter > 0 {
		e.RetryAfter = int(jitter(r.RetryAfter).Milliseconds())
	}
	return e
}

// ending is the error that ends a session in order: what the client is told, and what the metric says.
type ending struct {
	code   wire.Close
	reason string    // of the metric and the close frame; no data of the session
	last   wire.Body // the last frame, if any
}

func (e *ending) Error() string { return "session ends: " + e.reason }

// errLost ends a session whose connection is gone.
var errLost = &ending{code: wire.CloseAway, reason: "lost"}
