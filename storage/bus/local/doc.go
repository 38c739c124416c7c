// Package local is the bus of a single process: a table of who is attached where, and a bounded queue for each node. A
// receiver that is slow loses the oldest messages; each lost one is counted.
package local
