// Command kvorum is the only binary. It runs a node (serve) or a whole cluster on this
// computer (local), makes a new cluster of one (init), asks or changes a running cluster
// (health, status, members, upgrade), makes a new cluster from a survivor after a
// majority is lost (recover), and prints its version.
//
// Scripts can rely on this: an environment variable KVORUM_<FLAG> sets a flag, unless
// the command line does, or the flag is marked "command line only". An error message
// says what is wrong and what would be right. SIGTERM and SIGINT end serve and local
// with exit code 0. Errors go to stderr. The exit code is 1 for an error, 2 if it is
// unknown whether the request was carried out, and 3 if no leader is known (status).
package main
