// Package db is the one SQL implementation of every Store that the domains define: a file for each consumer
// (chat.go, recording.go, …), migrations a dialect. Domains never see SQL; this package never makes a decision of a
// domain. SQLite is the engine of one machine.
package db
