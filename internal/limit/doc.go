// Package limit bounds how often one user, one address or one of anything may do something: a token bucket a key, for a
// bounded number of keys. Over it the answer is a refusal that says when to come back.
//
// A [Bucket] by itself is for what has a place of its own for it, a session for instance.
//
// It counts on one node and forgets with the process. Quotas that must hold (a day's first contacts) are rows in the
// database, not this.
package limit
