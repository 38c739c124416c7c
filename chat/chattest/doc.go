// Package chattest holds what every [chat.Store] must do ([Store]), what the service must do over any of them ([Service]),
// a strict in-memory store that does exactly that ([Memory]), a wrapper that fails as storage fails ([Faults]), and a
// checker of histories ([History]) for every test in which clients send, lose connections and come back.
package chattest
