package wire

import (
	"encoding/json"
	"time"
)

func at(sec int) time.Time { return time.Date(2026, 3, 9, 9, 30, sec, 120000000, time.UTC) }

func ptr[T any](v T) *T { return &v }

const (
	conversation = "0195794e-8f10-7c3a-9d42-6f1f5a3b2c01"
	interview    = "01957950-1b2c-7d4e-8f60-718293a4b5c6"
	cid          = "0195794f-2a64-7b1e-8c55-0d9e8f7a6b50"
	exchange     = "01957953-9a1b-7c2d-8e3f-405162738495"
	room         = "01957954-0c1d-7e2f-9a3b-4c5d6e7f8091"
	digest       = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
)

var text = json.RawMessage(`{"text":"你好，方便聊聊吗？"}`)

var entry = Entry{Conversation: conversation, Seq: 12, Sender: "u-1001", CID: cid, Time: at(1), Type: "text", Content: text}

var chat = Conversation{
	ID: conversation, Title: "后端工程师", Head: 12, Last: &entry,
	Members: []Member{
		{User: "u-1001", Role: "recruiter", Name: "王敏", Company: "示例科技", Delivered: 12, Read: 12},
		{User: "u-2002", Role: "candidate", Name: "李**", Masked: true, Delivered: 12, Read: 11},
	},
}

var view = Interview{
	ID: interview, Conversation: conversation, State: "live", Notice: "interview-recording@1",
	Live: ptr(at(20)), Recording: true, RecordedSince: ptr(at(19)),
	Participants: []Participant{
		{User: "u-1001", Role: "recruiter", Name: "王敏", Consent: "agreed", Present: true,
			Media: []MediaLine{{Track: 1, Label: "microphone"}, {Track: 2, Label: "camera", Muted: true}}},
		{User: "u-2002", Role: "candidate", Name: "李**", Consent: "agreed_audio", Present: true, Away: true},
	},
}

var settings = Settings{
	Receipts: true, Presence: true, Hide: Hide{Headhunters: true}, Insight: true, Notices: map[string][]string{"recommendation": {"push"}},
	Reminders: []string{"push", "sms"}, Quiet: Quiet{From: "22:00", To: "08:00"},
	Greetings: []string{"您好，我对这个职位很感兴趣。"}, Replies: []string{"好的，谢谢！"},
}

var said = CrowdEntry{Seq: 88, User: "u-2002", Name: "李**", Time: at(4), Type: "text", Content: text}

// examples has one frame a kind; the golden files in testdata and the examples in PROTOCOL.md are made of them.
var examples = []Frame{
	{Ref: "1", Body: Hello{Token: "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1LTEwMDEifQ.c2ln", Device: "d-7f31", Client: "parley-web/1.0", Lang: "zh", Resume: map[string]uint64{conversation: 11}}},
	{Ref: "1", Body: Welcome{Session: "0195794f-0000-7000-8000-00000000002a", User: "u-1001", Role: "recruiter", Time: at(2), Until: at(2).Add(time.Hour), PingSeconds: 20, Conversations: []Conversation{chat}, Interviews: []Interview{view}}},
	{Ref: "2", Body: Renew{Token: "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1LTEwMDEifQ.bmV3"}},
	{Body: Ping{Time: at(22), Heads: map[string]uint64{conversation: 12}}},
	{Body: Pong{Time: at(22)}},
	{Ref: "2", Body: Done{}},
	{Ref: "3", Body: Error{ID: "rate_limited", Text: map[string]string{"en": "Too many requests. Please wait a moment.", "zh": "操作太频繁，请稍后再试。"}, Retry: true, RetryAfter: 850}},
	{Body: Bye{Reason: "drain", RetryAfter: 4200}},

	{Ref: "4", Body: ChatSend{Conversation: conversation, CID: cid, Type: "text", Content: text}},
	{Ref: "4", Body: ChatAck{Conversation: conversation, CID: cid, Seq: 12, Time: at(1)}},
	{Body: ChatEntry{Entry: entry}},
	{Ref: "5", Body: ChatRead{Conversation: conversation, After: 11, Limit: 200}},
	{Ref: "5", Body: ChatPage{Conversation: conversation, Entries: []Entry{entry}, Head: 12}},
	{Ref: "6", Body: ChatMark{Conversation: conversation, Delivered: 12, Read: 12}},
	{Body: ChatCursor{Conversation: conversation, User: "u-2002", Delivered: 12, Read: 12}},
	{Body: ChatDirty{Conversation: conversation, Head: 240}},
	{Body: ChatTruncated{Conversation: conversation, From: 4100, Head: 5100}},
	{Ref: "7", Body: ChatDisclose{Conversation: conversation}},
	{Body: ChatConversation{Conversation: chat}},
	{Body: ChatTyping{Conversation: conversation, User: "u-2002"}},
	{Ref: "20", Body: ChatPresence{Conversation: conversation}},
	{Ref: "20", Body: Presence{Conversation: conversation, Here: []string{"u-2002"}}},
	{Ref: "21", Body: ChatSearch{Query: "聊聊", Limit: 20}},
	{Ref: "21", Body: ChatFound{Entries: []Entry{entry}, Searched: at(1), More: true}},
	{Ref: "22", Body: ChatReceiptGet{Conversation: conversation}},
	{Ref: "22", Body: ChatReceipt{Conversation: conversation, Seal: 3, Prev: digest, Head: digest, Entries: 12, Tree: 88, Before: digest, Root: digest, Proof: []string{digest}, Leaf: 1, Leaves: 2, Time: at(3), Key: "9f86d081884c7d65", Signature: []byte("64 bytes of Ed25519, in base64")}},

	{Ref: "23", Body: ExchangeRequest{Conversation: conversation, CID: cid, What: "wechat", Value: "wang-min_88"}},
	{Ref: "24", Body: ExchangeAnswer{Conversation: conversation, Exchange: exchange, Accept: true, Value: "xiaoming-li"}},
	{Ref: "25", Body: ExchangeWithdraw{Conversation: conversation, Exchange: exchange}},
	{Ref: "23", Body: ExchangeState{Conversation: conversation, Exchange: exchange, What: "wechat", State: "requested", By: "u-1001", Until: at(0).AddDate(0, 0, 7)}},
	{Ref: "26", Body: ExchangeRead{Conversation: conversation, Exchange: exchange}},
	{Ref: "26", Body: ExchangeValue{Exchange: exchange, What: "wechat", Value: "xiaoming-li"}},
	{Ref: "27", Body: AppointmentInvite{Conversation: conversation, CID: cid, At: at(0).AddDate(0, 0, 2), Minutes: 45, Note: "线上面试"}},
	{Ref: "28", Body: AppointmentAct{Conversation: conversation, Appointment: exchange, Act: "reschedule", At: at(0).AddDate(0, 0, 3)}},
	{Ref: "28", Body: AppointmentState{Conversation: conversation, Appointment: exchange, State: "rescheduled", At: at(0).AddDate(0, 0, 3), Minutes: 45, Turn: "recruiter"}},
	{Ref: "29", Body: AttachOpen{Conversation: conversation, Seq: 12, Download: true}},
	{Ref: "29", Body: AttachURL{URL: "/v1/attachments/open/JBSWY3DPEHPK3PXPJBSWY3DPEH", Until: at(59)}},

	{Ref: "30", Body: settings},
	{Ref: "30", Body: SettingsGet{}},
	{Ref: "31", Body: SettingsSet{Receipts: ptr(false), Hide: &Hide{Companies: []string{"c-3"}}}},
	{Ref: "32", Body: Block{Conversation: conversation, User: "u-1001", Company: true}},
	{Ref: "33", Body: BlocksGet{}},
	{Ref: "33", Body: Blocks{Blocks: []Blocked{{Company: "c-3", Conversation: conversation, Since: at(9)}}}},
	{Ref: "34", Body: Report{Conversation: conversation, CID: cid, Seqs: []uint64{12}, Reason: "fraud", Note: "要求先交押金"}},
	{Ref: "34", Body: Reported{Report: exchange}},
	{Ref: "35", Body: QuotaGet{}},
	{Body: Quota{Limit: 100, Left: 10, Warn: true, Resets: time.Date(2026, 3, 9, 16, 0, 0, 0, time.UTC)}},
	{Ref: "36", Body: InsightGet{Conversation: conversation}},
	{Ref: "36", Body: Insight{Conversation: conversation, User: "u-2002", Started: 2, Received: 7, Replies: 5, ActiveHours: []int{9, 10, 20}}},

	{Ref: "37", Body: CrowdJoin{Room: room}},
	{Ref: "38", Body: CrowdLeave{Room: room}},
	{Ref: "37", Body: CrowdState{Room: room, Open: true, Slow: 5, People: 1200, Recent: []CrowdEntry{said}}},
	{Ref: "39", Body: CrowdSay{Room: room, CID: cid, Type: "text", Content: text}},
	{Ref: "39", Body: CrowdAck{Room: room, CID: cid, Seq: 88}},
	{Body: CrowdFrame{Room: room, Entries: []CrowdEntry{said}, Dropped: 3}},

	{Ref: "8", Body: InterviewOpen{Conversation: conversation}},
	{Ref: "8", Body: InterviewState{Interview: view}},
	{Ref: "9", Body: InterviewConsent{Interview: interview, Version: "interview-recording@1", Agree: true, AudioOnly: true}},
	{Ref: "10", Body: InterviewWithdraw{Interview: interview}},
	{Ref: "11", Body: InterviewJoin{Interview: interview}},
	{Ref: "19", Body: InterviewResume{Interview: interview, Session: "0195794f-0000-7000-8000-00000000002a"}},
	{Ref: "12", Body: InterviewLeave{Interview: interview}},
	{Ref: "13", Body: InterviewEnd{Interview: interview}},
	{Ref: "14", Body: InterviewMute{Interview: interview, Track: "camera", Muted: true}},
	{Body: InterviewDropped{Interview: interview, Reason: "replaced"}},
	{Ref: "18", Body: InterviewReceipts{Interview: interview}},
	{Body: InterviewReceipt{Interview: interview, Heads: []ReceiptHead{{Recording: "01957951-5d6e-7f80-91a2-b3c4d5e6f708", Head: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Entries: 41, Time: at(50), Key: "node-1", Signature: []byte("64 bytes of Ed25519, in base64")}}}},

	{Ref: "15", Body: RTCOffer{Interview: interview, PC: Pub, SDP: "v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\n", Tracks: []RTCTrack{{Mid: "0", Label: "microphone"}, {Mid: "1", Label: "camera"}}}},
	{Body: RTCAnswer{Interview: interview, PC: Pub, SDP: "v=0\r\no=- 81220 1 IN IP4 127.0.0.1\r\n"}},
	{Body: RTCCandidate{Interview: interview, PC: Sub, Candidate: "candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host", Mid: ptr("0"), Line: ptr(uint16(0))}},
	{Ref: "16", Body: RTCRestart{Interview: interview}},

	{Ref: "17", Body: TextGet{Version: "interview-recording@1"}},
	{Ref: "17", Body: Text{Version: "interview-recording@1", Purpose: "interview-recording", Title: map[string]string{"en": "This interview is recorded", "zh": "本次面试将被录制"}, Body: map[string]string{"en": "What you say and show is recorded …", "zh": "您的声音和画面将被录制……"}, RetentionMonths: 6}},
}
