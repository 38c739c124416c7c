package exchange

import "parley/internal/policy"

// What people are told. The steps of an exchange stand in the log of all members, so nothing here tells what is hidden.
var (
	errWhat   = policy.ErrBadRequest.With("This can't be exchanged.", "不支持交换此内容。")
	errParts  = policy.ErrBadRequest.With("The request has parts that don't belong to this exchange.", "请求中包含与本次交换无关的内容。")
	errWeChat = policy.ErrBadRequest.With(
		"A WeChat id has 6 to 20 letters, digits, _ or -, begins with a letter and is not a phone number.",
		"微信号为 6–20 位字母、数字、下划线或减号，以字母开头，且不能是手机号。")
	errCard = policy.ErrBadRequest.With("Choose the resume that you want to send.", "请选择要发送的简历。")

	errNoWeChat = policy.ErrForbidden.With( // T6
		"With a headhunter in the conversation there is no exchange of WeChat ids. You can call by virtual number.",
		"有猎头参与的会话不支持交换微信，可通过虚拟号码通话。")
	errNotYours = policy.ErrForbidden.With("Only the other side can answer this request.", "只有对方可以回应此请求。")
	errNotGiver = policy.ErrForbidden.With("Only the two who made this exchange can take it back, a resume only the candidate.",
		"只有交换双方可以撤回；简历只能由求职者撤回。")

	errAsked   = policy.ErrConflict.With("A request for this is open already.", "已有待处理的相同请求。")
	errHolds   = policy.ErrConflict.With("You have exchanged this already. Withdraw that exchange before you ask again.", "双方已交换过，如需重新交换，请先撤回。")
	errChanged = policy.ErrConflict.With("The exchange stands otherwise by now. Look at it again.", "交换状态已变化，请查看最新状态。")
	errMany    = policy.ErrConflict.With("This was asked for too often in this conversation.", "本会话中此类请求次数过多。")
	errOver    = policy.ErrGone.With("This exchange has ended. You may ask for a new one.", "此次交换已结束，可重新发起。")
)
