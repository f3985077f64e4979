package recorded

import "io"

// ArchiveName is the name of an archive's file.
var ArchiveName = archiveName

// Pack writes a directory as an archive.
func Pack(dir string, to io.Writer) error { return pack(dir, to) }

// AppendExchange appends an exchange as the transcript has it.
func AppendExchange(dst []byte, e *Exchange) []byte { return e.append(dst) }

// Line is a stage's line in the file of facts.
func (f Facts) Line(stage Stage) string { return f.line(stage) }
