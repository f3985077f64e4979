// Command kvorum is the one binary: a node (serve), a whole cluster on this
// machine (local), what an operator asks a running cluster (health, status,
// members), the way out when a majority is lost (recover), and its version.
//
// What it promises to scripts: every flag can also be set by an environment
// variable KVORUM_<FLAG> (a flag wins); what is wrong is named together with
// what would be right; SIGTERM and SIGINT end it with exit code 0; errors go to
// stderr and end it with 1, or with 2 where what was asked for is not known to
// be done, or with 3 where no leader is known (status).
package main
