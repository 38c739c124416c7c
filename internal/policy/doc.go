// Package policy is the vocabulary of the rules that the platform promised its users: subjects and purposes of
// consent, retention classes and their periods, how a name is masked, and the refusals that people read.
//
// Rules are named by their ids (T2, E2, L1, R6 …). This package says what a rule's words and figures are; it enforces
// none by itself, opens nothing and imports nothing of the project.
package policy
