package logqueue

// bytesMax bounds the bytes of the lines that wait for the stream, including those
// that are being written. It holds minutes of an ordinary node's log.
const bytesMax = 1 << 20
