// Package client is how the programs under scripts talk to a node: one plain
// connection that tries nothing twice, and what a node says of itself.
package client
