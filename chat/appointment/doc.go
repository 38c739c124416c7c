// Package appointment is how a recruiter or headhunter and a candidate agree when to meet: an invitation, and then answers and
// counter-proposals until one is accepted or nobody wants any more.
//
//	invited ─┬─▶ accepted ─┬─▶ cancelled, no_show
//	         │     ▲  │    │
//	         │     │  ▼    │
//	         ├─▶ rescheduled ─▶ and so on: each proposal waits for the other side
//	         └─▶ declined, cancelled
//
// An appointment is a [chat.Thing]: each step is one transaction with the entry that tells of it and begins from the very step
// that its maker saw, so nobody accepts a time that was changed meanwhile. Table [steps] says which step who may take, and
// when. When the two meet lies sealed beside the thing; notes stand in the log's entries only.
//
// It does not hold the meeting (package interview) and reminds nobody.
package appointment
