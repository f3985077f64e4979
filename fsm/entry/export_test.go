package entry

// WithChecksum gives bytes that end in any checksum a fitting one.
func WithChecksum(data []byte) []byte {
	if len(data) < crcBytes {
		return nil
	}
	out := append([]byte(nil), data[:len(data)-crcBytes]...)
	return appendCRC(out, 0)
}

// WithHeadChecksum makes an entry without batches of the bytes of its head.
func WithHeadChecksum(head []byte) []byte {
	return appendCRC(append([]byte(nil), head...), 0)
}
