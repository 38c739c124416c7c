package wire

import (
	"encoding/json"
	"time"
)

// What people send. Every content of theirs may have Reply, the seq of the entry that it answers.
type (
	// TextContent is the content of a "text" entry.
	TextContent struct {
		Text  string `json:"text"`
		Reply uint64 `json:"reply,omitempty"`
	}
	// MediaContent is the content of "picture", "voice", "video" and "file" entries. A client sends Attachment, Text and Reply;
	// the rest is what the server found the attachment to be.
	MediaContent struct {
		Attachment string `json:"attachment"`
		Text       string `json:"text,omitempty"` // said with it
		Reply      uint64 `json:"reply,omitempty"`
		Name       string `json:"name,omitempty"` // of the file, without a path
		Media      string `json:"media,omitempty"`
		Size       int64  `json:"size,omitempty"`
		Width      int    `json:"width,omitempty"`
		Height     int    `json:"height,omitempty"`
		Duration   int64  `json:"duration_ms,omitempty"`
		Thumb      bool   `json:"thumb,omitempty"` // there is a thumbnail
	}
	// ResumeContent is the content of a "resume" entry, a candidate's. The card is what everybody sees; the attachment is there for
	// recruiters only (T6). Name, Media and Size are the server's.
	ResumeContent struct {
		Card       ResumeCard `json:"card"`
		Attachment string     `json:"attachment,omitempty"`
		Name       string     `json:"name,omitempty"`
		Media      string     `json:"media,omitempty"`
		Size       int64      `json:"size,omitempty"`
	}
	// ResumeCard is a resume as it stands on a page: no name and no contact.
	ResumeCard struct {
		Title     string   `json:"title"` // the position looked for
		City      string   `json:"city,omitempty"`
		Years     int      `json:"years,omitempty"` // of experience
		Education string   `json:"education,omitempty"`
		Salary    string   `json:"salary,omitempty"`
		Skills    []string `json:"skills,omitempty"`
		Summary   string   `json:"summary,omitempty"`
	}
	// JobContent is the content of a "job" entry: the card of a position.
	JobContent struct {
		Job     string   `json:"job"` // the platform's id
		Title   string   `json:"title"`
		Company string   `json:"company,omitempty"`
		City    string   `json:"city,omitempty"`
		Salary  string   `json:"salary,omitempty"`
		Tags    []string `json:"tags,omitempty"`
	}
	// EditContent is the content of an "edit" entry: the sender's text Target reads so from now on. The original stays evidence (E1).
	EditContent struct {
		Target uint64 `json:"target"`
		Text   string `json:"text"`
	}
	// RecallContent is the content of a "recall" entry: the sender's entry Target is hidden. The original stays evidence (E1).
	RecallContent struct {
		Target uint64 `json:"target"`
	}
	// ReactionContent is the content of a "reaction" entry: the sender's mark on Target, or its end.
	ReactionContent struct {
		Target uint64 `json:"target"`
		Emoji  string `json:"emoji"`
		Off    bool   `json:"off,omitempty"`
	}
)

// What the server writes.
type (
	// ExchangeContent is the content of an "exchange" entry: a step of an exchange. What was exchanged never stands in the log.
	ExchangeContent struct {
		Exchange string `json:"exchange"`
		What     string `json:"what"`         // "phone", "wechat", "resume"
		Step     string `json:"step"`         // "requested", "accepted", "declined", "expired", "withdrawn", "unavailable"
		By       string `json:"by,omitempty"` // user; none when it expired
	}
	// AppointmentContent is the content of an "appointment" entry: a step of an interview that is being arranged.
	AppointmentContent struct {
		Appointment string    `json:"appointment"`
		Step        string    `json:"step"` // "invited", "accepted", "declined", "rescheduled", "cancelled", "no_show"
		By          string    `json:"by,omitempty"`
		At          time.Time `json:"at"`
		Minutes     int       `json:"minutes"`
		Note        string    `json:"note,omitempty"`
	}
	// CallContent is the content of a "call" entry: the record of a masked call. It has no number.
	CallContent struct {
		Call     string `json:"call"`
		By       string `json:"by"`
		State    string `json:"state"` // "answered", "missed", "failed"
		Duration int64  `json:"duration_ms,omitempty"`
		Recorded bool   `json:"recorded,omitempty"`
	}
	// InterviewContent is the content of an "interview" entry: the interview's card changed its state.
	InterviewContent struct {
		Interview string `json:"interview"`
		State     string `json:"state"` // see Interview.State
		Reason    string `json:"reason,omitempty"`
		// Duration in milliseconds from going live to the end; only once ended.
		Duration int64 `json:"duration_ms,omitempty"`
	}
	// SystemContent is the content of a "system" entry; Code tells the client which sentence to show, Text is the platform's own
	// words for code "message".
	SystemContent struct {
		Code    string            `json:"code"` // "opened", "name_disclosed", "consent_withdrawn", "resume_viewed", "resume_downloaded", "message"
		User    string            `json:"user,omitempty"`
		Company string            `json:"company,omitempty"` // whose name a candidate is told (T9)
		Text    map[string]string `json:"text,omitempty"`    // "zh" and "en"
	}
)

// RecalledContent stands for the content of an entry that was recalled.
var RecalledContent = json.RawMessage(`{"recalled":true}`)
