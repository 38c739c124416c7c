// Package sealertest holds what every [sealer.Store] must do ([Store]), one in memory that does it ([Memory]), and one that fails as
// storage fails ([Faults]).
package sealertest
