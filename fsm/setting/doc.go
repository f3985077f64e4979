// Package setting is the only table of the settings that CONFIG knows: the name, scope,
// kind, default and checks of each. The machine reads replicated settings while it applies
// entries. So they are part of its state, are changed through the log, and are kept in
// Values. A node keeps its own settings. Fixed settings have true values and cannot be
// changed.
//
// A value is always kept in its canonical form, the one that CONFIG GET returns. Row.Parse
// makes it from what a client wrote. The errors of Row.Parse, and the texts that this
// package composes, are those of Redis 7.0.
package setting
