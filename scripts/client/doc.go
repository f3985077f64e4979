// Package client lets the programs under scripts talk to a node: it has one plain connection that
// tries nothing twice, and what a node says of itself.
package client
