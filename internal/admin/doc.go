// Package admin is the door for HTTP: the API of the platform's backend and of the client's plain requests under /v1,
// whose OpenAPI 3.1 description is generated from the handlers, and the operator's address with health, metrics and
// profiles.
//
// Shape: [API] is built by [New] from the domains it opens; one file a resource; auth.go turns a bearer token
// into the Principal that handlers take as an argument; errors.go is the one mapper from errors to answers. Play-back
// passes through grants (identity/grant): a path with a random word in it that a <video> element can load from any node,
// good for one side of one recording and one person. What the API keeps by itself is one node's: limits and figures.
//
// It is not a domain: whoever may see what, and what is kept, is decided below it.
package admin
