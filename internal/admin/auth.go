package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"parley/internal/identity"
	"parley/internal/policy"
)

// Verifier tells who a token stands for.
type Verifier interface {
	Verify(ctx context.Context, token string) (identity.Principal, error)
}

const bearer = "bearer" // the security scheme's name

// authenticate verifies the bearer token of a request and that its role may do such a thing at all.
func (a *API) authenticate(r *http.Request, action identity.Action) (identity.Principal, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > identity.MaxToken {
		return identity.Principal{}, inHeader(policy.ErrUnauthenticated, "is missing: send Bearer and a token")
	}
	p, err := a.Verifier.Verify(r.Context(), token)
	if errors.Is(err, policy.ErrUnauthenticated) {
		return identity.Principal{}, inHeader(policy.ErrUnauthenticated,
			"is no token this server accepts: compare its kid, signature, sub, role, jti, iat, exp, iss and aud with the security scheme in /v1/openapi.json")
	}
	if err != nil {
		return identity.Principal{}, err
	}
	if err := a.limits.known(p); err != nil {
		return identity.Principal{}, err
	}
	if err := identity.Allow(p, action); errors.Is(err, policy.ErrForbidden) {
		return p, inHeader(policy.ErrForbidden, fmt.Sprintf("is of role %s, which may not %s", p.Role, action))
	} else if err != nil {
		return p, err
	}
	return p, nil
}

// inHeader tells a developer what about the token was refused; the refusal's own text is for people.
func inHeader(r *policy.Refusal, why string) *Problem {
	p := problem(r)
	p.Fields = []Field{{Where: "header.Authorization", Why: why}}
	return p
}

// admit is authenticate, with what fails counted against the address.
func (a *API) admit(r *http.Request, action identity.Action) (identity.Principal, error) {
	p, err := a.authenticate(r, action)
	if err == nil {
		return p, nil
	}
	if limited := a.stranger(r); limited != nil {
		return identity.Principal{}, limited
	}
	return identity.Principal{}, err
}

// who carries the Principal from the check before the body is read to the handler's argument; nothing else reads it.
type who struct{}

// secured registers a handler for principals that may do the action. The token is checked before anything of the
// body is read.
func secured[I, O any](a *API, action identity.Action, op huma.Operation, f func(context.Context, identity.Principal, *I) (*O, error)) {
	op.Security = []map[string][]string{{bearer: {}}}
	op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden)
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		p, err := a.admit(r, action)
		if err != nil {
			a.refuse(r.Context(), err).write(w)
			return
		}
		next(huma.WithValue(ctx, who{}, p))
	})
	register(a, op, func(ctx context.Context, in *I) (*O, error) {
		p, _ := ctx.Value(who{}).(identity.Principal)
		return f(ctx, p, in)
	})
}

// public registers a handler for everybody.
func public[I, O any](a *API, op huma.Operation, f func(context.Context, *I) (*O, error)) {
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		if err := a.stranger(r); err != nil {
			a.refuse(r.Context(), err).write(w)
			return
		}
		next(ctx)
	})
	register(a, op, f)
}

func register[I, O any](a *API, op huma.Operation, f func(context.Context, *I) (*O, error)) {
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = maxBody
	}
	op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusTooManyRequests, http.StatusServiceUnavailable)
	if op.Method == http.MethodPost {
		op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge)
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := f(ctx, in)
		if err != nil {
			return nil, a.refuse(ctx, err)
		}
		return out, nil
	})
}
