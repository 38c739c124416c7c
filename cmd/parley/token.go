package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
)

// tokenCommand mints a token as the platform's backend would, for development.
type tokenCommand struct {
	User     string   `required:"" placeholder:"ID" help:"User id (sub)."`
	Role     string   `required:"" placeholder:"ROLE" help:"candidate, recruiter, headhunter, viewer, support, approver, operator or service."`
	Company  string   `placeholder:"ID" help:"Company id of a recruiter or headhunter."`
	Attested span     `placeholder:"TIME" help:"Name and employment are attested for this long; without it recruiters and headhunters are refused (T7)."`
	Age      string   `default:"18+" placeholder:"BAND" help:"18+ or 16-17; empty is refused for people (T8) (${default})."`
	Guardian bool     `help:"A guardian's consent is on record (16-17 needs it)."`
	Factor   []string `placeholder:"NAME" help:"Sign-in factors (amr), for example pwd,otp; staff need two."`
	Life     span     `default:"12h" placeholder:"TIME" help:"How long the token holds (${default})."`

	APIKey    string `placeholder:"ID" help:"Key id."`
	APISecret secret `placeholder:"SECRET" help:"Secret of --api-key."`
	Issuer    string `placeholder:"ISS" help:"iss."`
	Audience  string `placeholder:"AUD" help:"aud."`
	Data      string `placeholder:"DIR" type:"path" env:"-" help:"Instead of a key: the data folder of parley dev, whose key signs."`
}

// Run prints the token.
func (t *tokenCommand) Run(ctx context.Context, io streams) error {
	if err := t.check(); err != nil {
		return err
	}
	key := devKey{ID: t.APIKey, Secret: []byte(t.APISecret)}
	if t.Data != "" {
		var err error
		if key, err = readDevKey(t.Data); err != nil {
			return err
		}
	}
	token, err := identity.Mint(key.ID, key.Secret, t.claims(time.Now()))
	if err != nil {
		return err
	}
	if err := t.try(ctx, key, token); err != nil {
		fmt.Fprintln(io.err, "parley: a server will refuse this token:", err)
	}
	_, err = fmt.Fprintln(io.out, token)
	return err
}

// try says why a server would refuse the token: a hint, for such tokens are wanted too, to see a refusal.
func (t *tokenCommand) try(ctx context.Context, key devKey, token string) error {
	v, err := identity.NewVerifier(identity.VerifierConfig{Keys: map[string][]byte{key.ID: key.Secret}})
	if err != nil {
		return err
	}
	_, err = v.Verify(ctx, token)
	switch {
	case errors.Is(err, policy.ErrUnverified):
		return fmt.Errorf("%w (give --company and --attested)", err)
	case errors.Is(err, policy.ErrUnderage), errors.Is(err, policy.ErrGuardian):
		return fmt.Errorf("%w (see --age and --guardian)", err)
	}
	return err
}

func (t *tokenCommand) check() error {
	var errs []error
	if !slices.Contains(identity.Roles, identity.Role(t.Role)) {
		errs = append(errs, &wrong{"role", fmt.Sprintf("%q is no role", t.Role), "see parley token --help"})
	}
	if t.Life <= 0 || t.Life > span(identity.MaxLife) {
		errs = append(errs, &wrong{"life", t.Life.String() + " is out of range", "write a time above 0s and up to " + identity.MaxLife.String()})
	}
	switch {
	case t.Data != "" && t.APIKey != "":
		errs = append(errs, &wrong{"data", "stands beside api-key", "give one of them"})
	case t.Data == "" && t.APIKey == "":
		errs = append(errs, &wrong{"api-key", "is missing", "give --api-key and --api-secret, or --data with the folder of parley dev"})
	case t.Data == "":
		errs = append(errs, pair(t.APIKey, t.APISecret))
	}
	return errors.Join(errs...)
}

func (t *tokenCommand) claims(now time.Time) identity.Claims {
	c := identity.Claims{
		User: identity.UserID(t.User), Role: identity.Role(t.Role), Company: identity.CompanyID(t.Company),
		Age: identity.AgeBand(t.Age), Guardian: t.Guardian, Factors: t.Factor,
		Issued: now, Expires: now.Add(time.Duration(t.Life)), Issuer: t.Issuer,
	}
	if t.Attested > 0 {
		c.Attested = now.Add(time.Duration(t.Attested))
	}
	if t.Audience != "" {
		c.Audience = []string{t.Audience}
	}
	return c
}

// readDevKey reads the key of a data folder that parley dev has used.
func readDevKey(dir string) (devKey, error) {
	key, err := loadDevKey(dir)
	if errors.Is(err, os.ErrNotExist) {
		return devKey{}, &wrong{"data", "holds no key of parley dev", "start parley dev --data " + dir + " once, or give --api-key and --api-secret"}
	}
	return key, err
}
