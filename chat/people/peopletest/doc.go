// Package peopletest holds what every [people.Store] must do ([Run]), an in-memory one that does exactly that ([Memory]), and a
// wrapper that fails as storage fails ([Faults]).
package peopletest
