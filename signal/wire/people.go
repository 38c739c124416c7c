package wire

import "time"

// The frames of what a person sets for themselves and against others.
type (
	// Settings are one person's own. The server pushes them to the person's other sessions when they change.
	Settings struct {
		Receipts bool `json:"receipts"` // others see what one has read
		Presence bool `json:"presence"` // others see whether one is here
		// Hide is a candidate's (T4), Insight too (T11).
		Hide    Hide `json:"hide"`
		Insight bool `json:"insight"`
		// Notices are what may be sent beside service notices, by class ("marketing", "recommendation") and channel ("push",
		// "sms", "mail"); what is not there is off (T10).
		Notices map[string][]string `json:"notices"`
		// Reminders are the channels of reminders of what is unread, the first ones first. Quiet are the hours without any.
		Reminders []string `json:"reminders"`
		Quiet     Quiet    `json:"quiet"`
		Greetings []string `json:"greetings"` // templates for a first message
		Replies   []string `json:"replies"`   // quick replies
	}
	// Hide says from whom a candidate hides (T4).
	Hide struct {
		Everybody   bool     `json:"everybody,omitempty"`
		Headhunters bool     `json:"headhunters,omitempty"`
		Companies   []string `json:"companies,omitempty"` // company ids
	}
	// Quiet are hours of the day, "22:00" to "08:00", in a zone of the IANA's database; both empty for none.
	Quiet struct {
		From string `json:"from,omitempty"`
		To   string `json:"to,omitempty"`
		Zone string `json:"zone,omitempty"` // Asia/Shanghai when empty
	}
	// SettingsGet asks for them; answered by [Settings].
	SettingsGet struct{}
	// SettingsSet replaces those of the fields that are there; answered by [Settings].
	SettingsSet struct {
		Receipts  *bool                `json:"receipts,omitempty"`
		Presence  *bool                `json:"presence,omitempty"`
		Hide      *Hide                `json:"hide,omitempty"`
		Insight   *bool                `json:"insight,omitempty"`
		Notices   *map[string][]string `json:"notices,omitempty"`
		Reminders *[]string            `json:"reminders,omitempty"`
		Quiet     *Quiet               `json:"quiet,omitempty"`
		Greetings *[]string            `json:"greetings,omitempty"`
		Replies   *[]string            `json:"replies,omitempty"`
	}

	// Block keeps a member of the conversation, or with Company everybody of the member's company, from writing to oneself.
	// Answered by [Done]. Off takes it back.
	Block struct {
		Conversation string `json:"conversation"`
		User         string `json:"user"`
		Company      bool   `json:"company,omitempty"`
		Off          bool   `json:"off,omitempty"`
	}
	// BlocksGet lists one's blocks; answered by [Blocks].
	BlocksGet struct{}
	// Blocks are one's blocks, the newest first.
	Blocks struct {
		Blocks []Blocked `json:"blocks"`
	}
	// Blocked is one of them: a user, or a company.
	Blocked struct {
		User         string    `json:"user,omitempty"`
		Company      string    `json:"company,omitempty"`
		Conversation string    `json:"conversation"` // where it was done
		Since        time.Time `json:"since"`
	}

	// Report tells the platform of entries of others, which are attached as evidence. Answered by [Reported].
	Report struct {
		Conversation string   `json:"conversation"`
		CID          string   `json:"cid"` // a repeat is the same report
		Seqs         []uint64 `json:"seqs"`
		Reason       string   `json:"reason"` // "harassment", "fraud", "fake_job", "fake_identity", "discrimination", "other"
		Note         string   `json:"note,omitempty"`
	}
	// Reported names the report.
	Reported struct {
		Report string `json:"report"`
	}

	// QuotaGet asks how many first contacts are left; answered by [Quota].
	QuotaGet struct{}
	// Quota is how many people one may still write to first until Resets. With Warn it is nearly over; the server pushes it then.
	Quota struct {
		Limit  int       `json:"limit"`
		Left   int       `json:"left"`
		Warn   bool      `json:"warn,omitempty"`
		Resets time.Time `json:"resets"`
	}

	// InsightGet asks for a candidate's counters; a recruiter's. Answered by [Insight], or refused as not_found where the candidate
	// has switched them off (T11).
	InsightGet struct {
		Conversation string `json:"conversation"`
	}
	// Insight counts what a candidate did over the last 24 hours (T11).
	Insight struct {
		Conversation string `json:"conversation"`
		User         string `json:"user"`
		Started      int    `json:"started"`
		Received     int    `json:"received"`
		Replies      int    `json:"replies"`
		ActiveHours  []int  `json:"active_hours"` // of the day, Asia/Shanghai
	}
)

func (Settings) Kind() Kind    { return "settings" }
func (SettingsGet) Kind() Kind { return "settings.get" }
func (SettingsSet) Kind() Kind { return "settings.set" }
func (Block) Kind() Kind       { return "people.block" }
func (BlocksGet) Kind() Kind   { return "people.blocks" }
func (Blocks) Kind() Kind      { return "people.blocked" }
func (Report) Kind() Kind      { return "chat.report" }
func (Reported) Kind() Kind    { return "chat.reported" }
func (QuotaGet) Kind() Kind    { return "quota.get" }
func (Quota) Kind() Kind       { return "quota" }
func (InsightGet) Kind() Kind  { return "insight.get" }
func (Insight) Kind() Kind     { return "insight" }
