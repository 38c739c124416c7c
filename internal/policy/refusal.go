package policy

import (
	"net/http"
	"time"
)

// Refusal is an error that a person may read: why something was refused, in Chinese and English, and what to do about
// it. A refusal never tells whether a hidden thing exists and holds no name, number, token or message.
//
// Domains return the sentinels below, possibly wrapped or made more exact by [Refusal.With] or [Refusal.After]; each
// door maps them once. An error that is no Refusal becomes [ErrInternal] there.
type Refusal struct {
	// ID is stable: clients and errors.Is go by it.
	ID string
	// Status is the HTTP status.
	Status int
	// Zh and En tell the person what to do.
	Zh, En string
	// Retry says that the same request may succeed later.
	Retry bool
	// RetryAfter is how long to wait before that; zero when unknown.
	RetryAfter time.Duration
}

// Error is the id and the English text.
func (r *Refusal) Error() string { return r.ID + ": " + r.En }

// Is makes refusals of one id equal for errors.Is, whatever their texts.
func (r *Refusal) Is(target error) bool {
	t, ok := target.(*Refusal)
	return ok && t != nil && t.ID == r.ID
}

// With returns a copy with more exact texts.
func (r *Refusal) With(en, zh string) *Refusal {
	c := *r
	c.En, c.Zh = en, zh
	return &c
}

// After returns a copy that asks to try again after d.
func (r *Refusal) After(d time.Duration) *Refusal {
	c := *r
	c.Retry, c.RetryAfter = true, d
	return &c
}

// Texts is the text by language, "zh" and "en".
func (r *Refusal) Texts() map[string]string { return map[string]string{"zh": r.Zh, "en": r.En} }

// The refusals. They are never changed.
var (
	// ErrNotFound is also the answer for what exists but is hidden from the asker.
	ErrNotFound = &Refusal{ID: "not_found", Status: http.StatusNotFound,
		Zh: "没有找到。请返回列表刷新后再试。",
		En: "Not found. Go back to the list, refresh it and try again."}
	// ErrForbidden says that the role may not do this at all.
	ErrForbidden = &Refusal{ID: "forbidden", Status: http.StatusForbidden,
		Zh: "当前身份不能进行此操作。如需继续，请切换到有权限的身份。",
		En: "Your current role may not do this. Switch to a role that may."}
	// ErrUnauthenticated says that the token is missing, malformed or not signed by a key in use.
	ErrUnauthenticated = &Refusal{ID: "unauthenticated", Status: http.StatusUnauthorized,
		Zh: "登录信息无效，请重新登录。",
		En: "Your sign-in is not valid. Please sign in again."}
	// ErrExpired says that the token was good and has run out.
	ErrExpired = &Refusal{ID: "token_expired", Status: http.StatusUnauthorized,
		Zh: "登录已过期，请重新登录。",
		En: "Your sign-in has expired. Please sign in again."}
	// ErrRevoked says that the token, or all of the user's until some moment, were taken back (T7).
	ErrRevoked = &Refusal{ID: "revoked", Status: http.StatusUnauthorized,
		Zh: "登录已被撤销，请重新登录；如仍无法登录，请联系客服。",
		En: "Your sign-in was revoked. Please sign in again, or contact support if that fails."}
	// ErrUnverified says that real name and employment are not verified, or no longer (T7).
	ErrUnverified = &Refusal{ID: "unverified", Status: http.StatusForbidden,
		Zh: "请先完成实名与任职认证，认证通过后即可使用。",
		En: "Please complete the verification of your real name and employment first."}
	// ErrUnderage says that the person is under 16, or that their age band is unknown (T8).
	ErrUnderage = &Refusal{ID: "underage", Status: http.StatusForbidden,
		Zh: "本服务不向未满16周岁的用户开放。请在平台完成年龄核验。",
		En: "This service is not open to users under 16. Please complete the age check on the platform."}
	// ErrGuardian says that a guardian's consent is not on record for someone of 16 or 17 (T8).
	ErrGuardian = &Refusal{ID: "guardian_consent_needed", Status: http.StatusForbidden,
		Zh: "未满18周岁的用户需要监护人同意。请监护人在平台完成同意后再试。",
		En: "Users under 18 need a guardian's consent. Ask your guardian to give it on the platform, then try again."}
	// ErrBadRequest says that the request makes no sense; [Refusal.With] says which part.
	ErrBadRequest = &Refusal{ID: "bad_request", Status: http.StatusBadRequest,
		Zh: "请求内容有误，请检查后再试。",
		En: "The request is not valid. Check it and try again."}
	// ErrTooLarge says that a named limit was passed.
	ErrTooLarge = &Refusal{ID: "too_large", Status: http.StatusRequestEntityTooLarge,
		Zh: "内容过大，请缩短或拆分后再试。",
		En: "This is too large. Shorten or split it and try again."}
	// ErrConflict says that the request contradicts what is already there.
	ErrConflict = &Refusal{ID: "conflict", Status: http.StatusConflict,
		Zh: "内容已发生变化，请刷新后再试。",
		En: "Something changed in the meantime. Refresh and try again."}
	// ErrRateLimited says that there were too many requests; RetryAfter says when to come back.
	ErrRateLimited = &Refusal{ID: "rate_limited", Status: http.StatusTooManyRequests, Retry: true,
		Zh: "操作过于频繁，请稍后再试。",
		En: "Too many requests. Please wait a moment and try again."}
	// ErrGone says that what was there has ended for good.
	ErrGone = &Refusal{ID: "gone", Status: http.StatusGone,
		Zh: "该内容已结束或已删除，无法再使用。",
		En: "This has ended or was deleted and can no longer be used."}
	// ErrClosed says that the other side takes no messages any more. It is the same for a closed account, one that hides from
	// the asker (T4) and one that blocks the asker.
	ErrClosed = &Refusal{ID: "closed", Status: http.StatusGone,
		Zh: "对方账号已注销或不再接收消息。",
		En: "The other side has closed the account or takes no messages any more."}
	// ErrConfirm says that the content looks unwise or unsafe: whoever sends it again with confirmed gets it through.
	ErrConfirm = &Refusal{ID: "confirm_needed", Status: http.StatusConflict,
		Zh: "内容可能包含联系方式或敏感信息，请确认后再发送。",
		En: "This may hold a contact or something sensitive. Confirm that you want to send it."}
	// ErrContent says that moderation does not let the content through, whoever confirms it.
	ErrContent = &Refusal{ID: "content_refused", Status: http.StatusUnprocessableEntity,
		Zh: "内容不符合平台规范，未发送。请修改后再试。",
		En: "The content goes against the platform's rules and was not sent. Change it and try again."}
	// ErrMuted says that moderation keeps the person from sending for a while, or for good.
	ErrMuted = &Refusal{ID: "muted", Status: http.StatusForbidden,
		Zh: "您已被禁言，暂时不能发送消息。如有疑问，请联系客服。",
		En: "You have been muted and can't send messages for now. Contact support if you have questions."}
	// ErrQuota says that today's number of first contacts is used up; RetryAfter says when the next day begins.
	ErrQuota = &Refusal{ID: "quota_exhausted", Status: http.StatusForbidden,
		Zh: "今日主动沟通次数已用完，请明天再试。",
		En: "You have used up today's first contacts. Try again tomorrow."}
	// ErrConsentNeeded says that the person must agree to a notice first (E2, R6).
	ErrConsentNeeded = &Refusal{ID: "consent_needed", Status: http.StatusForbidden,
		Zh: "请先阅读并同意相关告知后再继续。",
		En: "Please read the notice and agree to it before you continue."}
	// ErrTextVersion says that the notice agreed to is not the current one (R6).
	ErrTextVersion = &Refusal{ID: "text_version", Status: http.StatusConflict,
		Zh: "告知内容已更新，请阅读新版本后再作选择。",
		En: "The notice has a newer version. Please read it and choose again."}
	// ErrUnavailable says that a part of the service is away for now.
	ErrUnavailable = &Refusal{ID: "unavailable", Status: http.StatusServiceUnavailable, Retry: true,
		Zh: "服务暂时不可用，请稍后再试。",
		En: "The service is unavailable for the moment. Please try again shortly."}
	// ErrInternal hides what went wrong inside; the door has logged it.
	ErrInternal = &Refusal{ID: "internal", Status: http.StatusInternalServerError, Retry: true,
		Zh: "服务出现问题，请稍后再试；如仍未恢复，请联系客服。",
		En: "Something went wrong on our side. Please try again shortly, or contact support if it goes on."}
)

// Refusals lists every refusal that is declared here, for documentation and tests.
var Refusals = []*Refusal{
	ErrNotFound, ErrForbidden, ErrUnauthenticated, ErrExpired, ErrRevoked, ErrUnverified, ErrUnderage, ErrGuardian,
	ErrBadRequest, ErrTooLarge, ErrConflict, ErrRateLimited, ErrGone, ErrClosed, ErrConfirm, ErrContent, ErrMuted, ErrQuota,
	ErrConsentNeeded, ErrTextVersion,
	ErrUnavailable, ErrInternal,
}
