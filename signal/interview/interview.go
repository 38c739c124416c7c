package interview

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/google/uuid"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/privacy"
	"parley/signal/wire"
)

// ID names an interview (UUIDv7).
type ID string

// State is how far an interview is. The zero value is none.
type State string

// The states, in the order in which they are passed.
const (
	Open  State = "open"
	Live  State = "live"
	Ended State = "ended"
)

// Reason says why an interview ended.
type Reason string

// Reasons of ends.
const (
	Hangup          Reason = "hangup"
	Declined        Reason = "declined"  // a participant said no to being recorded
	Withdrawn       Reason = "withdrawn" // a participant took the consent back (R3)
	RecordingFailed Reason = "recording_failed"
	Abandoned       Reason = "abandoned"   // nobody was in it any more
	Interrupted     Reason = "interrupted" // the server stopped and nobody came back
	Expired         Reason = "expired"     // it was never held
	Revoked         Reason = "revoked"     // a participant lost access (T7)
)

// Consent is a participant's answer to the notice, as shown to the others. The ledger is the truth; this is its shadow.
type Consent string

// The answers.
const (
	Asked       Consent = "asked"
	Agreed      Consent = "agreed"
	AgreedAudio Consent = "agreed_audio" // the camera was declined (R7)
	SaidNo      Consent = "declined"
	TookBack    Consent = "withdrawn"
)

// consentOf is the answer behind a grant.
func consentOf(g privacy.Grant) Consent {
	if g.Scope == privacy.AudioVideo {
		return Agreed
	}
	return AgreedAudio
}

// Participant is one invited person. Role is the one the person has in the conversation (T1).
type Participant struct {
	User    identity.UserID
	Role    identity.Role
	Consent Consent
}

// Interview is what is kept of an interview.
type Interview struct {
	ID           ID
	Conversation chat.ConversationID
	Key          string // the platform's own id of it; empty when a member opened it
	State        State
	Reason       Reason // once ended
	Participants []Participant

	Opened        time.Time
	Live          time.Time // when all were first present
	Ended         time.Time
	RecordedSince time.Time // when the first part of the recording began

	// Posted is the last state whose card is known to stand in the conversation. While it differs from State the card
	// is posted again; its client id is the same on every try.
	Posted State

	// Epoch is that of the lease under which it was last written; zero before its first owner.
	Epoch uint64
}

// MaxParticipants is how many an interview may have.
const MaxParticipants = 16

// find is the participant who acts as p; nil when p was not invited, or is another role's person (T1).
func (i *Interview) find(p identity.Principal) *Participant {
	for n := range i.Participants {
		if i.Participants[n].User == p.User && i.Participants[n].Role == p.Role {
			return &i.Participants[n]
		}
	}
	return nil
}

// user is the participant of that id in whatever role; nil when there is none.
func (i *Interview) user(u identity.UserID) *Participant {
	for n := range i.Participants {
		if i.Participants[n].User == u {
			return &i.Participants[n]
		}
	}
	return nil
}

// answers are the participants who gave that answer.
func (i *Interview) answers(c Consent) []identity.UserID {
	var who []identity.UserID
	for _, p := range i.Participants {
		if p.Consent == c {
			who = append(who, p.User)
		}
	}
	return who
}

func (i *Interview) users() []identity.UserID {
	all := make([]identity.UserID, len(i.Participants))
	for n, p := range i.Participants {
		all[n] = p.User
	}
	return all
}

// clone shares nothing with i.
func (i *Interview) clone() Interview {
	c := *i
	c.Participants = slices.Clone(i.Participants)
	return c
}

// duration is from going live to the end.
func (i *Interview) duration() time.Duration {
	if i.Live.IsZero() || i.Ended.Before(i.Live) {
		return 0
	}
	return i.Ended.Sub(i.Live)
}

// card is the entry that the conversation shows for the state.
func (i *Interview) card() wire.InterviewContent {
	return wire.InterviewContent{Interview: string(i.ID), State: string(i.State), Reason: string(i.Reason),
		Duration: i.duration().Milliseconds()}
}

// entryID is the client id of an entry about the interview: a UUIDv7 with the interview's own time and, for the rest, a
// hash of what the entry is about. A retry after a crash therefore never makes a second entry.
func (i *Interview) entryID(about string) chat.ClientID {
	sum := sha256.Sum256([]byte("parley interview entry\n" + string(i.ID) + "\n" + about))
	u := uuid.UUID(sum[:16])
	if own, err := uuid.Parse(string(i.ID)); err == nil {
		copy(u[:6], own[:6])
	}
	u[6] = u[6]&0x0f | 0x70 // version 7
	u[8] = u[8]&0x3f | 0x80 // the variant of RFC 9562
	return chat.ClientID(u.String())
}
