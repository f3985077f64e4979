// Package tidy holds the rules of this repository that a compiler does not
// know: which package may import which, how long a function, file, parameter
// list or struct may be, which names are banned, and what the replicated
// machine under fsm/ may not touch; and that documents refer to what is there. Its
// own test runs them over the whole module; each finding names the offender and the
// fix.
//
// The rules for source read syntax only (go/ast), so they are quick and need nothing but
// the source. A rule that cannot be kept is argued in its table here, not
// silenced at the offender.
package tidy
