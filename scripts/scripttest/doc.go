// Package scripttest has the tests of those scripts that would change the machine: they run
// with stand-ins for the programs by which they would.
package scripttest
