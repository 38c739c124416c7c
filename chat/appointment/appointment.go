package appointment

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// appointment is one as it was read, or is about to be made.
type appointment struct {
	chat.Thing
	envelope
}

// envelope is what is sealed beside the thing.
type envelope struct {
	At      time.Time       `json:"at"`
	Minutes int             `json:"minutes"`
	Turn    string          `json:"turn,omitempty"` // whose answer is awaited: a side
	By      identity.UserID `json:"by"`             // who took the last step
}

// The sides, as clients know them. A headhunter is on the recruiter's.
const (
	candidates = "candidate"
	recruiters = "recruiter"
)

func side(r identity.Role) string {
	if r == identity.Candidate {
		return candidates
	}
	return recruiters
}

func opposite(side string) string {
	if side == candidates {
		return recruiters
	}
	return candidates
}

// part is what the principal is to the appointment.
func (a appointment) part(p identity.Principal) part {
	switch a.Turn {
	case "":
		return party
	case side(p.Role):
		return answerer
	}
	return proposer
}

// idOf names the appointment that the user's invitation of that cid makes: a UUIDv7 of the cid's time.
func idOf(id chat.ConversationID, user identity.UserID, cid uuid.UUID) chat.ThingID {
	h := sha256.New()
	for _, part := range []string{"parley appointment", string(id), string(user), cid.String()} {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	var u uuid.UUID
	copy(u[:], h.Sum(nil))
	copy(u[:6], cid[:6])
	u[6], u[8] = u[6]&0x0f|0x70, u[8]&0x3f|0x80
	return chat.ThingID(u.String())
}

// state is how the appointment stands, for people.
func (a appointment) state() wire.AppointmentState {
	return wire.AppointmentState{
		Conversation: string(a.Conversation), Appointment: string(a.ID), State: a.State, At: a.At, Minutes: a.Minutes, Turn: a.Turn,
	}
}

// open says whether the appointment may still come about.
func (a appointment) open(now time.Time) bool { return !over(a.State) && now.Before(a.At.Add(Late)) }

func label(id chat.ThingID) string { return "appointment/" + string(id) }

// load reads one; policy.ErrNotFound.
func (s *Service) load(ctx context.Context, id chat.ConversationID, thing chat.ThingID) (appointment, error) {
	if len(thing) > chat.MaxClientID {
		return appointment{}, policy.ErrNotFound
	}
	t, err := s.chat.Thing(ctx, id, thing)
	if err != nil {
		return appointment{}, fmt.Errorf("read appointment: %w", err)
	}
	if t.Kind != chat.KindAppointment {
		return appointment{}, policy.ErrNotFound
	}
	return s.unseal(ctx, t)
}

func (s *Service) unseal(ctx context.Context, t chat.Thing) (appointment, error) {
	a := appointment{Thing: t}
	plain, err := s.chat.OpenValue(ctx, t.Conversation, "", label(t.ID), t.Sealed)
	if err != nil {
		return appointment{}, fmt.Errorf("open appointment: %w", err)
	}
	if json.Unmarshal(plain, &a.envelope) != nil {
		return appointment{}, errors.New("open appointment: not in the expected form")
	}
	return a, nil
}

func (s *Service) seal(ctx context.Context, a appointment) ([]byte, error) {
	plain, err := json.Marshal(a.envelope)
	if err != nil {
		return nil, fmt.Errorf("encode appointment: %w", err)
	}
	sealed, err := s.chat.SealValue(ctx, a.Conversation, "", label(a.ID), plain)
	if err != nil {
		return nil, fmt.Errorf("seal appointment: %w", err)
	}
	return sealed, nil
}
