package people_test

import (
	"testing"

	"parley/chat"
	"parley/internal/identity"
)

// BenchmarkAdmit is what the gate costs a message of a conversation that is talked in.
func BenchmarkAdmit(b *testing.B) {
	w := newTown(b)
	a := chat.Attempt{By: rob, Others: []chat.Party{{User: ann.User, Role: identity.Candidate}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Admit(b.Context(), a); err != nil {
			b.Fatal(err)
		}
	}
}
