package wire

// Close is the code with which the server ends a connection (RFC 6455, 7.4). What a client should do about each is in
// its Action.
type Close uint16

// The close codes. Those from 4000 on are the protocol's own.
const (
	CloseNormal    Close = 1000 // the client asked for it
	CloseAway      Close = 1001 // the server drains or stops
	ClosePolicy    Close = 1008 // too much of what came could not be understood
	CloseTooBig    Close = 1009 // a message over MaxMessage
	CloseInternal  Close = 1011 // the server failed
	CloseSignIn    Close = 4001 // the token was refused, or no hello came in time
	CloseExpired   Close = 4002 // the token or the attestation ran out and was not renewed
	CloseRevoked   Close = 4003 // the user's access was revoked
	CloseFlood     Close = 4004 // far more frames than allowed, for long
	CloseSilent    Close = 4005 // two pings stayed unanswered
	CloseStalled   Close = 4006 // the client took nothing for 10 seconds
	CloseDuplicate Close = 4007 // too many sessions of this user; the oldest goes
)

// Action is what a client should do after a close. The zero value is to stay away.
type Action uint8

// Actions after a close.
const (
	Stay   Action = iota // don't come back by itself: a person or a programmer has to look
	Retry                // come back with jittered, growing delays, resuming
	SignIn               // come back with a new token only
)

// String names the action.
func (a Action) String() string { return [...]string{"stay", "retry", "sign in"}[a%3] }

// Action says what a client should do about the code. Codes it does not know, and connections lost without one, are to
// be retried.
func (c Close) Action() Action {
	if a, ok := actions[c]; ok {
		return a
	}
	return Retry
}

var actions = map[Close]Action{
	CloseNormal: Stay, CloseAway: Retry, ClosePolicy: Stay, CloseTooBig: Stay, CloseInternal: Retry, CloseSignIn: SignIn,
	CloseExpired: SignIn, CloseRevoked: SignIn, CloseFlood: Retry, CloseSilent: Retry, CloseStalled: Retry, CloseDuplicate: Stay,
}
