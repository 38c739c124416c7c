// Package clustertest holds what every [cluster.Store] must do, an in-memory one that does exactly that, and one that a test
// can cut off.
package clustertest
