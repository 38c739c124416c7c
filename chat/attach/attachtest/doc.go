// Package attachtest holds what every [attach.Store] must do ([Store]), ones in memory that do exactly that ([Memory], [Objects]), wrappers
// that fail as storage fails ([Faults]).
package attachtest
