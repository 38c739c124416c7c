// Package testenv runs a whole server in one process for tests: embedded storage in the test's own folder, addresses of
// the system's choice, and actors who sign in with tokens of a key that only the test knows.
//
//	env := testenv.New(t)
//	session := env.As("recruiter").Dial(t.Context())
//
// It is for tests only and stands on the highest floor; nothing of the product imports it.
package testenv
