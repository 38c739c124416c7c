// Package db is the one SQL implementation of every Store that the domains define: a file for each consumer
// (chat.go, recording.go, …), migrations a dialect. Domains never see SQL; this package never makes a decision of a
// domain. SQLite is the engine of one machine, PostgreSQL that of several nodes.
//
// Statements are shared. What differs by engine is small and named: dialect.go (clock, queues), fault.go (what an error means),
// and the hot path of chat, which is a call for each row on SQLite (chat_sqlite.go) and one round trip a batch on PostgreSQL
// (chat_postgres.go). quiet.go keeps what was stored out of every error.
//
// A change of the schema is a new file in both folders of migrations, with the next number. Files that were released are not
// edited; testdata/frozen holds databases of former schemas that each program must still read.
package db
