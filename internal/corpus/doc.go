// Package corpus reads scripts of commands and prints replies, so that the same scripts
// run on every engine that speaks Redis commands: the machine alone, a cluster, a real
// redis-server. The files are fsm/command/testdata/corpus/*.txt, in the format of
// cockroachdb/datadriven. A test passes each directive to Session.Run and compares the
// result with the recorded output, which is what a real redis-server replied.
//
// A directive's input holds one command per line. Words may be "quoted", with Go's escapes
// (\r, \x00). $now and $nowms, optionally followed by +n or -n, stand for the engine's
// time in seconds and milliseconds. The output has one line for each command:
//
//	+OK  -ERR …  :1  "bulk"  nil  nil-array  [array]  {map}  ~[set]  ,3.5  #t
//
// The directives:
//
//	do                  prints the replies as they are
//	sorted              prints the replies with the elements of arrays and sets sorted
//	between lo=… hi=…   prints "within" for an integer from lo to hi
//	until               repeats its only command until the reply is the recorded one
//	quiet               prints only replies that are errors
//
// HELLO 2 and HELLO 3 in a script switch the protocol. An engine returns values as they
// are on the wire in that protocol.
package corpus
