// Package tidy enforces the rules of this repository that a compiler does not check: which
// package may import which, how long a function, file, parameter list or struct may be,
// which names are banned, what the replicated machine under fsm/ must not use, and that
// documents refer only to what exists. Its own test runs the rules over the whole module.
// Each finding names the offender and the fix.
//
// Most rules for source read syntax only (go/ast), so they are quick and need nothing but
// the source. An exception to a rule is listed in a table here, with its reason, and not
// silenced at the offender.
package tidy
