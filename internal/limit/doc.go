// Package limit bounds how often one user, one address or one of anything may do something: a token bucket a key, for a
// bounded number of keys. Over it the answer is a refusal that says when to come back.
//
// It counts on one node and forgets with the process. Quotas that must hold (a day's first contacts) are rows in the
// database, not this.
package limit
