// Package scripttest tests the scripts that would change the computer they run on. The
// tests replace the programs with which the scripts would do so.
package scripttest
