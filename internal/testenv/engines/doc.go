// Package engines runs the real engines that the server can stand on, each as a child process on loopback with data of
// its own: PostgreSQL, Redis, MinIO. Tests of any package and the load generator use it; the server never does.
//
// Shape: a [Process] is one engine that can be killed and started again on the same port and data. [PostgreSQL] hands
// out fresh databases on one server for the whole test process, [Redis] and [MinIO] start a server for each test. When the
// process that started them ends, however it ends, the engines end and their data goes: each stands under a small shell
// that waits for the end of a pipe. [Minio.Buckets] sets a store up as an operator does, by the files of deploy/s3.
//
// Where an engine is not installed the test is skipped with a line that says so; with CI=true that is a failure.
// .ci/setup installs all of them.
package engines
