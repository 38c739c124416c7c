// Command parley-load measures the product as its users load it.
//
//	parley-load <command> [--seconds N] [--target URL] [--json]
//
// Without --target it starts a server process of its own on loopback, with fresh data in a temporary folder, pins it to
// one processor and itself to the others, and takes the server's processor time and memory from the operating system.
// It ends by itself, and its server ends with it. It prints a table with the raw limits of the machine below, measured
// in the same run, or with --json an array with one object a scenario.
//
// sfu: one publisher and 100 subscribers in one room, so it runs signal/sfu as internal/server wires it, without the
// interview around it, which has two people. Signalling goes through the child's standard streams. Subscribers are
// Pion clients that decrypt every packet and read the number and the time of sending that the publisher wrote into it.
// No sink is attached: recording is measured by itself. Scenarios: "uniform" (300 packets/s of 1,100 bytes in bursts of
// ten) and "browser" (the packets of trace.txt, recorded from Chromium by parley-load record-trace, which says in its
// first lines how); each with segmentation offload and without.
//
// chat has four scenarios. "send": pairs of people in conversations of their own, both connected to a whole node; one side sends texts of 256 bytes
// and, for each that may be in flight, sends the next when the server has acknowledged, which it does when the text is durable. The other side takes each as
// a push, and so does the sender. Clients (signal/client), server and database share all processors: pinning would give
// the database the clients' one. Senders are faster than the 50 frames a second that a session is allowed, so the limit is
// lifted in a server of our own. Data of both stores are in the same folder, so that both wait for the same disk. Beside
// it, in a process of its own and on the same engine, what chat.Store takes: ceiling_per_s from as many producers that
// wait for each row, by group commit, and full_batches_per_s from batches that are always full. cpu_us are processor time
// a message; what the database's own processes take is in neither.
//
// "fan_out": one room of chat/crowd with 1,000 subscribers; a delivery is one entry given to one subscriber, its delay is from the
// sending of the entry to its arrival, taken by one subscriber in 16. "idle": connections that say nothing, each with one
// conversation; what the server's memory grew by. "storm": clients that lose their connections at the same moment while others
// write on; until the last one is answered again, and what is missing then.
//
// recording: interviews of two people who both publish, recorded by a whole node. Every packet's time of sending is noted
// in the client; afterwards, with the server stopped, the journals are opened with the vault's keys and compared with it.
// One server ends its interviews in order (cpu, memory, lost packets), another is killed and the next one recovers
// (kill_loss_ms_max). cpu and memory are those of the interview as a whole: forwarding, recording and upload.
//
// Adding a command: a struct with a Run method as a field of cli (main.go), which embeds common; it measures and hands
// its rows to common.print. A server process is another struct with a Run method, tagged hidden, that says "ready" by
// [sayReady] and returns when its context ends; [startServer] starts it, and its *process is sampled by
// [process.usage]. serve is the whole node (internal/server), serve-sfu the SFU alone.
package main
