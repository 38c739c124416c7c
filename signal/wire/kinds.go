package wire

import (
	"encoding/json"
	"maps"
	"slices"
)

// Side is one end of a connection. The zero value is neither and may send nothing.
type Side uint8

// The sides. Both is not a side but what the table of kinds says of a kind that either may send.
const (
	Neither Side = 0
	Client  Side = 1 << 0
	Server  Side = 1 << 1
	Both    Side = Client | Server
)

// Max is the largest WebSocket message that the side may send, in bytes.
func (s Side) Max() int {
	if s == Client {
		return MaxMessage
	}
	return MaxAnswer
}

// Kinds lists every kind of the protocol in alphabetical order.
func Kinds() []Kind { return slices.Sorted(maps.Keys(kinds)) }

// Sender says who may send frames of the kind; [Neither] for a kind that does not exist.
func (k Kind) Sender() Side { return kinds[k].from }

type kind struct {
	from   Side
	decode func([]byte) (Body, error)
}

func of[T Body](from Side) kind {
	return kind{from, func(b []byte) (Body, error) {
		var v T
		err := json.Unmarshal(b, &v)
		return v, err
	}}
}

// kinds is the table of the protocol: what is not in it does not exist.
var kinds = map[Kind]kind{
	Hello{}.Kind():   of[Hello](Client),
	Welcome{}.Kind(): of[Welcome](Server),
	Renew{}.Kind():   of[Renew](Client),
	Ping{}.Kind():    of[Ping](Both),
	Pong{}.Kind():    of[Pong](Both),
	Done{}.Kind():    of[Done](Server),
	Error{}.Kind():   of[Error](Server),
	Bye{}.Kind():     of[Bye](Server),

	ChatSend{}.Kind():         of[ChatSend](Client),
	ChatAck{}.Kind():          of[ChatAck](Server),
	ChatEntry{}.Kind():        of[ChatEntry](Server),
	ChatRead{}.Kind():         of[ChatRead](Client),
	ChatPage{}.Kind():         of[ChatPage](Server),
	ChatMark{}.Kind():         of[ChatMark](Client),
	ChatCursor{}.Kind():       of[ChatCursor](Server),
	ChatDirty{}.Kind():        of[ChatDirty](Server),
	ChatTruncated{}.Kind():    of[ChatTruncated](Server),
	ChatDisclose{}.Kind():     of[ChatDisclose](Client),
	ChatConversation{}.Kind(): of[ChatConversation](Server),
	ChatTyping{}.Kind():       of[ChatTyping](Both),
	ChatPresence{}.Kind():     of[ChatPresence](Client),
	Presence{}.Kind():         of[Presence](Server),
	ChatSearch{}.Kind():       of[ChatSearch](Client),
	ChatFound{}.Kind():        of[ChatFound](Server),
	ChatReceiptGet{}.Kind():   of[ChatReceiptGet](Client),
	ChatReceipt{}.Kind():      of[ChatReceipt](Server),

	ExchangeRequest{}.Kind():   of[ExchangeRequest](Client),
	ExchangeAnswer{}.Kind():    of[ExchangeAnswer](Client),
	ExchangeWithdraw{}.Kind():  of[ExchangeWithdraw](Client),
	ExchangeState{}.Kind():     of[ExchangeState](Server),
	ExchangeRead{}.Kind():      of[ExchangeRead](Client),
	ExchangeValue{}.Kind():     of[ExchangeValue](Server),
	AppointmentInvite{}.Kind(): of[AppointmentInvite](Client),
	AppointmentAct{}.Kind():    of[AppointmentAct](Client),
	AppointmentState{}.Kind():  of[AppointmentState](Server),
	AttachOpen{}.Kind():        of[AttachOpen](Client),
	AttachURL{}.Kind():         of[AttachURL](Server),

	Settings{}.Kind():    of[Settings](Server),
	SettingsGet{}.Kind(): of[SettingsGet](Client),
	SettingsSet{}.Kind(): of[SettingsSet](Client),
	Block{}.Kind():       of[Block](Client),
	BlocksGet{}.Kind():   of[BlocksGet](Client),
	Blocks{}.Kind():      of[Blocks](Server),
	Report{}.Kind():      of[Report](Client),
	Reported{}.Kind():    of[Reported](Server),
	QuotaGet{}.Kind():    of[QuotaGet](Client),
	Quota{}.Kind():       of[Quota](Server),
	InsightGet{}.Kind():  of[InsightGet](Client),
	Insight{}.Kind():     of[Insight](Server),

	CrowdJoin{}.Kind():  of[CrowdJoin](Client),
	CrowdLeave{}.Kind(): of[CrowdLeave](Client),
	CrowdState{}.Kind(): of[CrowdState](Server),
	CrowdSay{}.Kind():   of[CrowdSay](Client),
	CrowdAck{}.Kind():   of[CrowdAck](Server),
	CrowdFrame{}.Kind(): of[CrowdFrame](Server),

	InterviewOpen{}.Kind():     of[InterviewOpen](Client),
	InterviewState{}.Kind():    of[InterviewState](Server),
	InterviewConsent{}.Kind():  of[InterviewConsent](Client),
	InterviewWithdraw{}.Kind(): of[InterviewWithdraw](Client),
	InterviewJoin{}.Kind():     of[InterviewJoin](Client),
	InterviewResume{}.Kind():   of[InterviewResume](Client),
	InterviewLeave{}.Kind():    of[InterviewLeave](Client),
	InterviewEnd{}.Kind():      of[InterviewEnd](Client),
	InterviewMute{}.Kind():     of[InterviewMute](Client),
	InterviewDropped{}.Kind():  of[InterviewDropped](Server),
	InterviewReceipt{}.Kind():  of[InterviewReceipt](Server),
	InterviewReceipts{}.Kind(): of[InterviewReceipts](Client),

	RTCOffer{}.Kind():     of[RTCOffer](Both),
	RTCAnswer{}.Kind():    of[RTCAnswer](Both),
	RTCCandidate{}.Kind(): of[RTCCandidate](Both),
	RTCRestart{}.Kind():   of[RTCRestart](Client),

	TextGet{}.Kind(): of[TextGet](Client),
	Text{}.Kind():    of[Text](Server),
}

// The names on the wire.

func (Hello) Kind() Kind   { return "hello" }
func (Welcome) Kind() Kind { return "welcome" }
func (Renew) Kind() Kind   { return "renew" }
func (Ping) Kind() Kind    { return "ping" }
func (Pong) Kind() Kind    { return "pong" }
func (Done) Kind() Kind    { return "done" }
func (Error) Kind() Kind   { return "error" }
func (Bye) Kind() Kind     { return "bye" }

func (ChatSend) Kind() Kind         { return "chat.send" }
func (ChatAck) Kind() Kind          { return "chat.ack" }
func (ChatEntry) Kind() Kind        { return "chat.entry" }
func (ChatRead) Kind() Kind         { return "chat.read" }
func (ChatPage) Kind() Kind         { return "chat.page" }
func (ChatMark) Kind() Kind         { return "chat.mark" }
func (ChatCursor) Kind() Kind       { return "chat.cursor" }
func (ChatDirty) Kind() Kind        { return "chat.dirty" }
func (ChatTruncated) Kind() Kind    { return "chat.truncated" }
func (ChatDisclose) Kind() Kind     { return "chat.disclose" }
func (ChatConversation) Kind() Kind { return "chat.conversation" }
func (ChatTyping) Kind() Kind       { return "chat.typing" }
func (ChatPresence) Kind() Kind     { return "chat.presence" }
func (Presence) Kind() Kind         { return "presence" }
func (ChatSearch) Kind() Kind       { return "chat.search" }
func (ChatFound) Kind() Kind        { return "chat.found" }
func (ChatReceiptGet) Kind() Kind   { return "chat.receipt.get" }
func (ChatReceipt) Kind() Kind      { return "chat.receipt" }

func (InterviewOpen) Kind() Kind     { return "interview.open" }
func (InterviewState) Kind() Kind    { return "interview.state" }
func (InterviewConsent) Kind() Kind  { return "interview.consent" }
func (InterviewWithdraw) Kind() Kind { return "interview.withdraw" }
func (InterviewJoin) Kind() Kind     { return "interview.join" }
func (InterviewResume) Kind() Kind   { return "interview.resume" }
func (InterviewLeave) Kind() Kind    { return "interview.leave" }
func (InterviewEnd) Kind() Kind      { return "interview.end" }
func (InterviewMute) Kind() Kind     { return "interview.mute" }
func (InterviewDropped) Kind() Kind  { return "interview.dropped" }
func (InterviewReceipts) Kind() Kind { return "interview.receipts" }
func (InterviewReceipt) Kind() Kind  { return "interview.receipt" }

func (RTCOffer) Kind() Kind     { return "rtc.offer" }
func (RTCAnswer) Kind() Kind    { return "rtc.answer" }
func (RTCCandidate) Kind() Kind { return "rtc.candidate" }
func (RTCRestart) Kind() Kind   { return "rtc.restart" }

func (TextGet) Kind() Kind { return "text.get" }
func (Text) Kind() Kind    { return "text" }
