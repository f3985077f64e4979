package tidy

// The limits. They may only be lowered.
const (
	functionLinesMax = 70  // from "func" to its closing brace
	fileLinesMax     = 500 // for a file that is not a test
	longFileLinesMax = 700 // for a file that gives a reason at its top (longMark)
	parametersMax    = 4   // of a function; a receiver does not count, a context does
	fieldsMax        = 20  // of a struct, unless its doc comment says why it has more (fieldsMark)
	methodsMax       = 5   // of an interface, since its consumer declares it for one use
)

// longMark begins the comment that allows a file up to longFileLinesMax lines.
const longMark = "Long because:"

// fieldsMark begins the sentence of a doc comment that allows a wide struct.
const fieldsMark = "Wide because"
