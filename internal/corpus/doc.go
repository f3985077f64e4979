// Package corpus reads scripts of commands and prints replies, so that the same
// scripts run on every engine that answers Redis commands: the machine alone, a
// cluster, a real redis-server. The files are fsm/command/testdata/corpus/*.txt,
// in the form of cockroachdb/datadriven; a test hands each directive to Session.Run
// and compares what it returns with what the file records, which is what a real
// redis-server has answered.
//
// A directive's input holds one command a line: words, or "quoted" ones with
// Go's escapes (\r, \x00). $now and $nowms, with +n or -n after them, stand for
// the engine's time in seconds and milliseconds. The output has one line for
// each command:
//
//	+OK  -ERR …  :1  "bulk"  nil  nil-array  [array]  {map}  ~[set]  ,3.5  #t
//
// The directives:
//
//	do                  replies as they are
//	sorted              replies with the elements of arrays and sets in order
//	between lo=… hi=…   "within" for an integer from lo to hi
//	until               the one command, again and again until it answers as recorded
//	quiet               only replies that are errors
//
// HELLO 2 and HELLO 3 in a script switch the protocol: an engine answers with
// values as they are on the wire in that protocol.
package corpus
