// Package bus declares how nodes wake each other: at most once, without any promise. Who was not woken finds what it
// missed by its position in the log.
//
//	bus/local    within one process
//	bus/redis    between nodes, through Redis
//	bus/bustest  what every bus must do
package bus
