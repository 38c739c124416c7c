package identity

import (
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"parley/internal/policy"
)

// requirement is what a role's token must prove beside who signed it.
type requirement struct {
	attested bool // real name, employment and company (T7)
	aged     bool // age band (T8)
	factors  int  // sign-in factors (A2)
}

// requirements has every role that can act; one that is missing is refused.
var requirements = map[Role]requirement{
	Candidate:  {aged: true},
	Recruiter:  {aged: true, attested: true},
	Headhunter: {aged: true, attested: true},
	Viewer:     {aged: true},
	Support:    {factors: 2},
	Approver:   {factors: 2},
	Operator:   {factors: 2},
	Service:    {},
}

// check applies the rules to claims whose signature and times are good.
func (c Claims) check(now time.Time, skew time.Duration) error {
	need, known := requirements[c.Role]
	if !known || !c.wellFormed() {
		return policy.ErrUnauthenticated
	}
	if len(distinct(c.Factors)) < need.factors {
		return policy.ErrForbidden.With("This role needs a sign-in with two factors. Please sign in again with both.",
			"该身份需要双因素登录，请使用两种验证方式重新登录。")
	}
	if need.attested && (c.Company == "" || !c.Attested.Add(skew).After(now)) {
		return policy.ErrUnverified
	}
	if need.aged {
		return checkAge(c.Age, c.Guardian)
	}
	return nil
}

// checkAge admits adults, and minors from 16 with a guardian's consent (T8).
func checkAge(a AgeBand, guardian bool) error {
	switch {
	case a == Adult, a == Minor && guardian:
		return nil
	case a == Minor:
		return policy.ErrGuardian
	}
	return policy.ErrUnderage
}

// wellFormed checks the claims that every token must have, and the limits.
func (c Claims) wellFormed() bool {
	return token(string(c.User), MaxUserID) && token(c.TokenID, MaxTokenID) &&
		(c.Company == "" || token(string(c.Company), MaxCompany)) &&
		!c.Issued.IsZero() && c.Expires.After(c.Issued) && c.Expires.Sub(c.Issued) <= MaxLife &&
		len(c.Factors) <= MaxFactors &&
		!slices.ContainsFunc(c.Factors, func(f string) bool { return !token(f, MaxFactor) })
}

// token says whether s is 1 to limit bytes of printable UTF-8 without spaces.
func token(s string, limit int) bool {
	if s == "" || len(s) > limit || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			return false
		}
	}
	return true
}

func distinct(factors []string) []string {
	s := slices.Clone(factors)
	slices.Sort(s)
	return slices.Compact(s)
}
