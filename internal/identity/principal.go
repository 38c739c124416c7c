package identity

import (
	"log/slog"
	"time"
)

// UserID names a person as the platform knows them. It is opaque to Parley, at most [MaxUserID] bytes, and
// the same whatever role the person acts in (T1).
type UserID string

// MaxUserID is the longest accepted user id in bytes.
const MaxUserID = 128

// CompanyID names the employer a recruiter or headhunter acts for.
type CompanyID string

// Role says in which capacity a [Principal] acts. One person may hold several roles, never two in one
// conversation (T1). The zero value is nobody.
type Role string

// The roles a token may carry. Hosting a livestream is an approval (E4), not a role.
const (
	Nobody     Role = ""
	Candidate  Role = "candidate"
	Recruiter  Role = "recruiter"
	Headhunter Role = "headhunter"
	Viewer     Role = "viewer" // watches only; nothing is kept beyond the access log (R6)
	Support    Role = "support"
	Approver   Role = "approver"
	Operator   Role = "operator"
	Service    Role = "service" // the platform's own backend
)

// Roles lists every role that can act, for tables and tests.
var Roles = []Role{Candidate, Recruiter, Headhunter, Viewer, Support, Approver, Operator, Service}

// Principal is who acts: in which role, how strongly signed in, and until when. It is passed as an argument,
// never hidden in a context. The zero value is nobody and may do nothing.
//
// A Principal comes from [Verifier.Verify], which has already refused unverified recruiters and headhunters
// (T7) and the under-aged (T8); holding one therefore means that those checks passed at that moment.
type Principal struct {
	User    UserID
	Role    Role
	Company CompanyID

	// Attested is until when the real-name and employment attestation holds; zero for roles without one.
	Attested time.Time
	// Expires is until when the token holds.
	Expires time.Time
	// TokenID is the token's jti; revocation may name it.
	TokenID string
	// Issued is when the token was signed; revoking a user refuses what was issued before.
	Issued time.Time
	// Factors are the sign-in factors the token vouches for ("pwd", "otp", …; A2).
	Factors []string
}

// Until is the moment at which the principal's session must end unless it is renewed: the earlier of the
// token's and the attestation's expiry.
func (p Principal) Until() time.Time {
	if !p.Attested.IsZero() && p.Attested.Before(p.Expires) {
		return p.Attested
	}
	return p.Expires
}

// LogValue shows the role only: user ids are personal data and stay out of logs.
func (p Principal) LogValue() slog.Value { return slog.StringValue(string(p.Role)) }
