package tidy

// The limits. They only ever get smaller.
const (
	functionLinesMax = 70  // from "func" to its closing brace
	fileLinesMax     = 500 // of a file that is not a test
	longFileLinesMax = 700 // of a file that says why at its top (longMark)
	parametersMax    = 4   // of a function; a receiver is not one, a context is
	fieldsMax        = 20  // of a struct whose doc comment does not say why it has more
	methodsMax       = 5   // of an interface: it is declared by its consumer, for one use
)

// longMark begins the comment that allows a file up to longFileLinesMax lines.
const longMark = "Long because:"

// fieldsMark begins the sentence of a doc comment that allows a wide struct.
const fieldsMark = "Wide because"
