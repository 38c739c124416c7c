package appointment

import "parley/internal/policy"

// What people are told.
var (
	errAct  = policy.ErrBadRequest.With("This can't be done with an appointment.", "不支持对面试邀约进行此操作。")
	errAt   = policy.ErrBadRequest.With("The time lies in the past or more than a year ahead.", "时间已过，或超过一年。")
	errLong = policy.ErrBadRequest.With("A meeting takes 5 to 480 minutes.", "时长应为 5–480 分钟。")
	errNote = policy.ErrBadRequest.With("The note is too long or not printable.", "备注过长或包含不可显示的字符。")

	errCandidate = policy.ErrForbidden.With("A recruiter or headhunter invites; you can propose another time once invited.",
		"面试邀约由招聘方发起，收到邀约后您可以提议其他时间。")
	errNotYours = policy.ErrForbidden.With("The other side's answer is awaited.", "正在等待对方回应。")

	errNotNow  = policy.ErrConflict.With("This can't be done as the appointment stands.", "邀约当前状态不支持此操作。")
	errTime    = policy.ErrConflict.With("This is not the time for it: look at the time of the appointment.", "当前时间不能进行此操作，请查看约定的时间。")
	errChanged = policy.ErrConflict.With("The appointment stands otherwise by now. Look at it again.", "邀约已发生变化，请查看最新状态。")
	errMany    = policy.ErrConflict.With("There are too many open appointments in this conversation.", "本会话中未结束的邀约过多。")
	errOver    = policy.ErrGone.With("This appointment has ended. A new invitation makes another.", "该邀约已结束，可重新发起邀约。")
)
