// Package crowdtest has what every store of rooms must do, and the in-memory store that is the referee.
package crowdtest
