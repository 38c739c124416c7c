// Package identity says who acts and what they may do: principals and roles, the verification of the tokens that the
// platform signs, and [Allow], the one table of role and action.
//
//	token ── Verifier.Verify ──► Principal ── Allow(principal, action) ──► nil or a refusal
//
// Verify refuses recruiters and headhunters without a valid attestation (T7), people under age (T8), staff without a
// second factor (A2) and whatever was revoked. Allow knows roles only; whether a principal is a member of a
// conversation or an interview is for the domain to ask, and its answer to a stranger is "not found".
//
// It is no identity provider: people sign in, and are verified, elsewhere.
package identity
