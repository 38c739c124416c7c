package wire

import "time"

// The frames by which two sides agree on something: the exchange of a contact or resume, and when to meet. Each step is an
// entry of the log; these frames ask for the next one.
type (
	// ExchangeRequest asks the other side for an exchange. Value is one's own WeChat id, for "wechat" only; for "resume" a
	// candidate offers, with a Card, and a recruiter or headhunter invites. CID makes a repeat the same request. Answered by
	// [ExchangeState].
	ExchangeRequest struct {
		Conversation string      `json:"conversation"`
		CID          string      `json:"cid"`
		What         string      `json:"what"` // "phone", "wechat", "resume"
		Value        string      `json:"value,omitempty"`
		Card         *ResumeCard `json:"card,omitempty"`       // of a resume that a candidate offers
		Attachment   string      `json:"attachment,omitempty"` // its file, which reaches recruiters only (T6)
		Confirmed    bool        `json:"confirmed,omitempty"`  // the warning of a confirm_needed was seen
	}
	// ExchangeAnswer accepts or declines; who accepts "wechat" gives a Value as well, a candidate who accepts "resume" a Card
	// and may give an Attachment. Answered by [ExchangeState].
	ExchangeAnswer struct {
		Conversation string      `json:"conversation"`
		Exchange     string      `json:"exchange"`
		Accept       bool        `json:"accept"`
		Value        string      `json:"value,omitempty"`
		Card         *ResumeCard `json:"card,omitempty"`
		Attachment   string      `json:"attachment,omitempty"`
		Confirmed    bool        `json:"confirmed,omitempty"`
	}
	// ExchangeWithdraw takes one's request, or one's consent, back, for good (R3). Answered by [ExchangeState].
	ExchangeWithdraw struct {
		Conversation string `json:"conversation"`
		Exchange     string `json:"exchange"`
	}
	// ExchangeState is how an exchange stands.
	ExchangeState struct {
		Conversation string    `json:"conversation"`
		Exchange     string    `json:"exchange"`
		What         string    `json:"what"`
		State        string    `json:"state"` // as the steps of [ExchangeContent]
		By           string    `json:"by"`    // who asked
		Until        time.Time `json:"until,omitzero"`
	}
	// ExchangeRead asks for what an accepted exchange gave; answered by [ExchangeValue], or refused as not_found.
	ExchangeRead struct {
		Conversation string `json:"conversation"`
		Exchange     string `json:"exchange"`
	}
	// ExchangeValue is what the other side gave: a WeChat id, a virtual number or the seq of a resume entry.
	ExchangeValue struct {
		Exchange string `json:"exchange"`
		What     string `json:"what"`
		Value    string `json:"value,omitempty"`
		Seq      uint64 `json:"seq,omitempty"`
	}

	// AppointmentInvite proposes when to meet; a recruiter's or headhunter's. Answered by [AppointmentState].
	AppointmentInvite struct {
		Conversation string    `json:"conversation"`
		CID          string    `json:"cid"`
		At           time.Time `json:"at"`
		Minutes      int       `json:"minutes"`
		Note         string    `json:"note,omitempty"`
		Confirmed    bool      `json:"confirmed,omitempty"` // the warning of a confirm_needed was seen
	}
	// AppointmentAct takes the next step: "accept" (with the At that was seen), "decline", "reschedule" (with a new At),
	// "cancel" or "no_show". Answered by [AppointmentState].
	AppointmentAct struct {
		Conversation string    `json:"conversation"`
		Appointment  string    `json:"appointment"`
		Act          string    `json:"act"`
		At           time.Time `json:"at,omitzero"`
		Minutes      int       `json:"minutes,omitempty"`
		Note         string    `json:"note,omitempty"`
		Confirmed    bool      `json:"confirmed,omitempty"`
	}
	// AppointmentState is how an appointment stands. Turn is whose answer it waits for.
	AppointmentState struct {
		Conversation string    `json:"conversation"`
		Appointment  string    `json:"appointment"`
		State        string    `json:"state"` // as the steps of [AppointmentContent]
		At           time.Time `json:"at"`
		Minutes      int       `json:"minutes"`
		Turn         string    `json:"turn,omitempty"` // "candidate" or "recruiter"
	}

	// AttachOpen asks for an address from which one attachment of an entry can be read. Answered by [AttachURL].
	AttachOpen struct {
		Conversation string `json:"conversation"`
		Seq          uint64 `json:"seq"`
		Thumb        bool   `json:"thumb,omitempty"`
		Download     bool   `json:"download,omitempty"` // to a device, not only on the page (T6, T9)
	}
	// AttachURL is an address on this server that holds for that one object until Until.
	AttachURL struct {
		URL   string    `json:"url"`
		Until time.Time `json:"until"`
	}
)

func (ExchangeRequest) Kind() Kind   { return "exchange.request" }
func (ExchangeAnswer) Kind() Kind    { return "exchange.answer" }
func (ExchangeWithdraw) Kind() Kind  { return "exchange.withdraw" }
func (ExchangeState) Kind() Kind     { return "exchange.state" }
func (ExchangeRead) Kind() Kind      { return "exchange.read" }
func (ExchangeValue) Kind() Kind     { return "exchange.value" }
func (AppointmentInvite) Kind() Kind { return "appointment.invite" }
func (AppointmentAct) Kind() Kind    { return "appointment.act" }
func (AppointmentState) Kind() Kind  { return "appointment.state" }
func (AttachOpen) Kind() Kind        { return "attach.open" }
func (AttachURL) Kind() Kind         { return "attach.url" }
