// Package attachtest holds what every [attach.Store] must do ([Store]), one in memory that does exactly that ([Memory]), wrappers
// that fail as storage fails ([Faults]).
package attachtest
