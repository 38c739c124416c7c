// Package interviewtest holds what every [interview.Store] must do, and an in-memory one that does exactly that.
package interviewtest
