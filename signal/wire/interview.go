package wire

import "time"

// Interview is an interview as one participant sees it. Its reasons to have ended are "hangup", "declined" (someone did not
// agree to the recording), "withdrawn" (someone took the consent back), "recording_failed", "abandoned" (nobody was left),
// "interrupted" (the server stopped and nobody came back), "expired" (never held) and "revoked" (someone lost access).
type Interview struct {
	ID           string        `json:"id"`
	Conversation string        `json:"conversation"`
	State        string        `json:"state" enum:"open,live,ended"`
	Reason       string        `json:"reason,omitempty" doc:"Why it ended: hangup, declined, withdrawn, recording_failed, abandoned, interrupted, expired or revoked"`
	Participants []Participant `json:"participants"`
	// Notice is the version of the text that each side must have agreed to ("interview-recording@1").
	Notice string `json:"notice" doc:"Version of the text that each side must have agreed to"`
	// Live is when both sides were first in; recording runs from the first consented participant's first media.
	Live      *time.Time `json:"live,omitempty"`
	Ended     *time.Time `json:"ended,omitempty"`
	Recording bool       `json:"recording"` // running now
	// RecordedSince is when the first part of the recording began.
	RecordedSince *time.Time `json:"recorded_since,omitempty"`
}

// Participant is one invited person.
type Participant struct {
	User    string `json:"user"`
	Role    string `json:"role"`
	Name    string `json:"name" doc:"Masked as in the conversation"`
	Consent string `json:"consent" enum:"asked,agreed,agreed_audio,declined,withdrawn"`
	Present bool   `json:"present"`
	// Away says that the connection was lost and the seat is held.
	Away  bool        `json:"away,omitempty"`
	Media []MediaLine `json:"media,omitempty"`
}

// MediaLine is one track a participant publishes.
type MediaLine struct {
	Track uint16 `json:"track"`
	Label string `json:"label" enum:"microphone,camera,screen"`
	Muted bool   `json:"muted,omitempty"`
}

// The frames of interviews. Every request is answered by [Done] unless it says otherwise.
type (
	// InterviewOpen asks for an interview of a conversation's members; a recruiter or headhunter may. Answered by
	// [InterviewState]. While one is open or live in the conversation, that one is the answer.
	InterviewOpen struct {
		Conversation string `json:"conversation"`
	}
	// InterviewState pushes, and answers with, the whole state whenever something of it changed.
	InterviewState struct {
		Interview
	}
	// InterviewConsent answers the notice. Version must be Interview.Notice. With AudioOnly the camera is declined
	// and the interview goes on by sound (R7). Declining ends nothing but the interview: chat stays.
	InterviewConsent struct {
		Interview string `json:"interview"`
		Version   string `json:"version"`
		Agree     bool   `json:"agree"`
		AudioOnly bool   `json:"audio_only,omitempty"`
	}
	// InterviewWithdraw withdraws the recording consent: journals stop and the interview ends within 3 s (R3).
	InterviewWithdraw struct {
		Interview string `json:"interview"`
	}
	// InterviewJoin enters; only after consent. Answered by [InterviewState]; then the client sends its offer on
	// "pub", and the server its own on "sub" as soon as there is something to see. Joining again (a reload, a new
	// device) replaces the seat's former connection.
	InterviewJoin struct {
		Interview string `json:"interview"`
	}
	// InterviewResume takes a seat back whose connection was lost, with its peer connections as they are. Session is the
	// one that held it ([Welcome].Session); the device must be the same. Answered by [InterviewState]; refused as
	// conflict when the seat is no more, then join again with new peer connections. The server offers anew on "sub".
	InterviewResume struct {
		Interview string `json:"interview"`
		Session   string `json:"session"`
	}
	// InterviewLeave gives up the seat without ending the interview.
	InterviewLeave struct {
		Interview string `json:"interview"`
	}
	// InterviewEnd hangs up for both.
	InterviewEnd struct {
		Interview string `json:"interview"`
	}
	// InterviewMute tells everybody that a track of one's own is muted or not; it is journalled.
	InterviewMute struct {
		Interview string `json:"interview"`
		Track     string `json:"label"`
		Muted     bool   `json:"muted"`
	}
	// InterviewDropped says that this connection lost its seat while the interview may go on. Reason "replaced": the same
	// person joined elsewhere, don't join again without being asked to; "failed", "consent": join again, after asking
	// for consent where that was it; "revoked", "token_expired": the person's access ended.
	InterviewDropped struct {
		Interview string `json:"interview"`
		Reason    string `json:"reason"`
	}
	// InterviewReceipts asks for the signed heads there are by now, for who missed the push. Answered by
	// [InterviewReceipt].
	InterviewReceipts struct {
		Interview string `json:"interview"`
	}
	// InterviewReceipt pushes the signed head of each part of the recording at hang-up, for the client to keep (E6).
	InterviewReceipt struct {
		Interview string        `json:"interview"`
		Heads     []ReceiptHead `json:"heads"`
	}
)

// ReceiptHead is one signed head. All fields together let parley-verify hold a recording against it.
type ReceiptHead struct {
	Recording string    `json:"recording"`
	Head      string    `json:"head" doc:"Hexadecimal hash of the last manifest entry"`
	Entries   uint64    `json:"entries"`
	Time      time.Time `json:"time"`
	Key       string    `json:"key" doc:"Id of the signing key"`
	Signature []byte    `json:"signature"`
}

// The two peer connections of a participant. The client offers on Pub, the server on Sub, so that offers never
// collide.
const (
	Pub = "pub"
	Sub = "sub"
)

// The frames of negotiation.
type (
	// RTCOffer carries an SDP offer: the client's on "pub", the server's on "sub". Tracks names what each media
	// section of the offer is (by mid). A newer offer on the same PC replaces one not yet answered.
	RTCOffer struct {
		Interview string     `json:"interview"`
		PC        string     `json:"pc"`
		SDP       string     `json:"sdp"`
		Tracks    []RTCTrack `json:"tracks,omitempty"`
	}
	// RTCAnswer answers an offer on the same PC.
	RTCAnswer struct {
		Interview string `json:"interview"`
		PC        string `json:"pc"`
		SDP       string `json:"sdp"`
	}
	// RTCCandidate is one trickled ICE candidate (RFC 8840); an empty Candidate ends them.
	RTCCandidate struct {
		Interview string  `json:"interview"`
		PC        string  `json:"pc"`
		Candidate string  `json:"candidate"`
		Mid       *string `json:"mid,omitempty"`
		Line      *uint16 `json:"line,omitempty"`
	}
	// RTCRestart asks the server to restart ICE on "sub" (the client's network changed); "pub" the client restarts
	// by itself with a new offer.
	RTCRestart struct {
		Interview string `json:"interview"`
	}
)

// RTCTrack says what a media section of an offer carries.
type RTCTrack struct {
	Mid   string `json:"mid"`
	User  string `json:"user,omitempty"` // whose it is, on "sub"
	Label string `json:"label"`
}

// The frames of consent texts.
type (
	// TextGet asks for a text by version ("interview-recording@1"). Answered by [Text].
	TextGet struct {
		Version string `json:"version"`
	}
	// Text is a notice as it must be shown before consent (R6).
	Text struct {
		Version string            `json:"version"`
		Purpose string            `json:"purpose"`
		Title   map[string]string `json:"title"`
		Body    map[string]string `json:"body"`
		// RetentionMonths is for how long what it covers is kept (L1).
		RetentionMonths int `json:"retention_months"`
	}
)
