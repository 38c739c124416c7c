package interview

import (
	"context"
	"encoding/json"
	"time"

	"parley/chat"
	"parley/internal/cluster"
	"parley/internal/identity"
	"parley/internal/privacy"
	"parley/signal/media"
	"parley/signal/wire"
)

// What an interview needs of its neighbours. [*chat.Service], [*privacy.Ledger] and the audit log are used as they are; the
// server adapts the recorder and the SFU.
type (
	// Chat is the conversation that an interview belongs to.
	Chat interface {
		Members(ctx context.Context, id chat.ConversationID) ([]chat.Member, error)
		// Admit asks whether a member may still write to the others: one who is hidden from, or blocked, opens nothing (T4).
		Admit(ctx context.Context, a chat.Attempt) (json.RawMessage, error)
		// Post adds an entry by the system; the same client id never makes a second one.
		Post(ctx context.Context, id chat.ConversationID, d chat.Draft) (chat.Ack, error)
	}

	// Consents is the ledger.
	Consents interface {
		Agree(ctx context.Context, m privacy.Matter, version string, s privacy.Scope) error
		Decline(ctx context.Context, m privacy.Matter, version string) error
		Withdraw(ctx context.Context, m privacy.Matter) error
		Granted(ctx context.Context, m privacy.Matter) (privacy.Grant, error)
		TakenBack(ctx context.Context, m privacy.Matter) (bool, error)
		Watch(f func(privacy.Withdrawal)) (stop func())
	}

	// Audit records what is about to happen; on an error it must not (A3). The zero principal is the server.
	Audit interface {
		Record(ctx context.Context, p identity.Principal, action, object string, detail ...string) error
	}

	// Hub tells the participants' clients. Its methods never block and may lose what they are told.
	Hub interface {
		// Interview says that the view of the interview changed; what it is now each user's gateway asks for.
		Interview(users []identity.UserID, id ID)
		// Receipt hands out the signed heads of a recording that was sealed (E6).
		Receipt(users []identity.UserID, r wire.InterviewReceipt)
	}

	// Leases say which node owns an interview; a room's name is the interview's id. [*cluster.Cluster] is used as it is.
	Leases interface {
		Acquire(ctx context.Context, room string) (cluster.Lease, error)
		Release(ctx context.Context, l cluster.Lease) error
		// Where names the other living nodes that hold rooms of these.
		Where(ctx context.Context, rooms ...string) (map[string]cluster.NodeID, error)
		Lost(f func(room string))
		Died(f func(cluster.NodeID))
	}

	// Recorder makes recordings. One part runs from when the first participant enters an empty room until it is empty
	// again.
	Recorder interface {
		// Start begins a part. Durable on return: no packet that a sink of it takes can be lost track of.
		Start(ctx context.Context, s RecordingSpec) (Recording, error)
		// Parts are the interview's parts, oldest first.
		Parts(ctx context.Context, id ID) ([]Part, error)
	}

	// Recording is one running part.
	Recording interface {
		// Sink is where the participant's media goes: the same one for the whole part. The Recording closes it.
		Sink(ctx context.Context, user identity.UserID) (media.Sink, error)
		// Consent notes a consent that was given while the part ran; the zero Grant that it was taken back, and then
		// the user's sink takes nothing any more.
		Consent(ctx context.Context, user identity.UserID, g privacy.Grant)
		// Stop ends and seals the part.
		Stop(ctx context.Context, reason string) error
	}

	// Rooms is the SFU.
	Rooms interface {
		NewRoom(id ID, maxPeers int) (Room, error)
	}

	// Room is one room of the SFU. Any goroutine may call it. A user's tracks are numbered on when the user joins
	// again, so that one sink can take them all.
	Room interface {
		Join(PeerSpec) (Peer, error)
		// Close ends all peers: when it returns no packet reaches a sink any more. It may be called more than once.
		Close()
	}

	// Peer is one participant's pair of peer connections. Any goroutine may call it.
	Peer interface {
		media.Source
		Handle(b wire.Body) error
		Mute(l media.Label, muted bool) error
		// Leave ends the peer: when it returns no packet of it reaches its sink any more.
		Leave()
	}
)

type (
	// RecordingSpec is what a part records. Source is where to ask for key frames of a user's tracks; it may be called
	// at any time from anywhere.
	RecordingSpec struct {
		Interview    ID
		Participants []Recorded
		Source       func(identity.UserID) media.Source
	}

	// Recorded is one participant. The zero Grant is somebody who has not answered yet and whose media can't come.
	Recorded struct {
		User  identity.UserID
		Grant privacy.Grant
	}

	// Part is one part of an interview's recording. Head is nil until it is sealed.
	Part struct {
		Started time.Time
		Ended   time.Time // of the media; zero while it runs
		Head    *wire.ReceiptHead
	}

	// PeerSpec is a peer to be made. Publish is enforced by the room. Send and Events must not block.
	PeerSpec struct {
		User    identity.UserID
		Publish Publish
		Sink    media.Sink
		Send    func(wire.Body)
		Events  func(PeerEvent)
	}

	// Publish says what a peer may send.
	Publish struct{ Audio, Video, Screen bool }
)

// PeerEvent is news of a peer's media: one struct per kind.
type PeerEvent interface{ peerEvent() }

type (
	// TrackUp says that a track began.
	TrackUp struct{ Track media.Track }
	// TrackDown says that it ended.
	TrackDown struct{ Track media.TrackID }
	// Connected says that media can flow (again).
	Connected struct{}
	// Disconnected says that nothing comes from the peer for now.
	Disconnected struct{}
	// Failed says that the peer is of no more use.
	Failed struct{ Reason string }
)

func (TrackUp) peerEvent()      {}
func (TrackDown) peerEvent()    {}
func (Connected) peerEvent()    {}
func (Disconnected) peerEvent() {}
func (Failed) peerEvent()       {}
