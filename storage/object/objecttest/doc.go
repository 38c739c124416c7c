// Package objecttest has the suite that every object store must pass.
package objecttest
