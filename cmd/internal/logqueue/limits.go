package logqueue

// bytesMax bounds the lines that wait for the stream, those that are being
// written among them: minutes of an ordinary node's log.
const bytesMax = 1 << 20
