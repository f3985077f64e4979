package resp

import "time"

// The limits on what a client may send, as in Redis.
const (
	// argumentsMax bounds the arguments of a command, its name included. 1024*1024 is Redis's
	// documented limit; Redis 7.0 itself checks only for 2^31-1.
	argumentsMax = 1 << 20
	// bulkBytesMax is the default of the setting proto-max-bulk-len.
	bulkBytesMax = 512 << 20
	// lineBytesMax bounds an inline command and the lines that announce counts and lengths.
	lineBytesMax = 64 << 10
	// commandBytesMax is the default of the setting client-query-buffer-limit, which bounds one
	// whole command. A client that exceeds it is disconnected without a reply.
	commandBytesMax = 1 << 30
	// strangerArgumentsMax bounds the arguments of a command before authentication.
	strangerArgumentsMax = 10
	// strangerBulkBytesMax bounds a bulk string before authentication.
	strangerBulkBytesMax = 16 << 10
	// ClientsMax is the default of the setting maxclients.
	ClientsMax = 10000
	// databases is the number of logical databases that SELECT accepts.
	databases = 16
)

// The limits on what a connection may hold in memory.
const (
	// inputBytesMin is the size of an input buffer while its client sends little.
	inputBytesMin = 4 << 10
	// inputBytesMax bounds the size of an input buffer. It holds a line of lineBytesMax, and the
	// commands that arrive together, which then run together.
	inputBytesMax = 128 << 10
	// largeBytesMin is the size from which a bulk string is read into its own memory (Redis:
	// PROTO_MBULK_BIG_ARG).
	largeBytesMin = 32 << 10
	// largeShare bounds the memory for such a string, as a multiple of the bytes that have arrived.
	// A higher value would save copies, but would let a client take memory for bytes that it does
	// not send.
	largeShare = 4
	// aheadBytesMax bounds how much a lookout reads ahead while a node command runs. aheadBytesMin
	// is the initial size of the memory for that.
	aheadBytesMax = 1 << 20
	aheadBytesMin = 512
	// readBytesMax bounds one read. A fast sender would fill a larger one completely, and keep a
	// processor busy until then.
	readBytesMax = 1 << 20
	// quietReads is the number of small reads in a row that must pass before a large input buffer
	// is freed.
	quietReads = 64
	// planCommandsMax bounds how many commands of one pipeline run together.
	planCommandsMax = 4096
	// planSlowMax bounds how many of them may be reads without the flag "fast". Their replies may
	// be large and wait for each other. The bound starts lower and rises while the replies are
	// small.
	planSlowMax = 16
	// planCommandsKeep is the number of commands whose memory a busy connection keeps between
	// plans; planCommandsIdle is the number for an idle one.
	planCommandsKeep = 256
	planCommandsIdle = 4

	// outputBytesMax is the number of rendered bytes of replies that are sent at once, without
	// waiting for the rest of the plan.
	outputBytesMax = 64 << 10
	// outputWriteBytesMax bounds one write to a socket. A client that takes that much within
	// outputStallMax counts as reading.
	outputWriteBytesMax = 256 << 10
	// outputBytesFree is the number of pending bytes that client-output-buffer-limit does not
	// count, which leaves room for one ordinary reply (Redis: PROTO_REPLY_CHUNK_BYTES).
	outputBytesFree = 16 << 10
	// outputBytesKeep is the largest output buffer that a busy connection keeps between plans;
	// outputBytesIdle is the largest that an idle one keeps.
	outputBytesKeep = 16 << 10
	outputBytesIdle = 512
	// A reply of more than smallValuesMin values, with less than smallValueBytes bytes each on
	// average, is rendered as soon as it is made. A value takes that much memory beside its bytes,
	// so the rendered reply is smaller.
	smallValuesMin  = 64
	smallValueBytes = 64
	// pushBytesMax bounds the bytes that wait for a client with pushes, if
	// client-output-buffer-limit sets no bound.
	pushBytesMax = 32 << 20
	// directBytesMin is the size from which a bulk string is sent without a copy.
	directBytesMin = 16 << 10
)

// Durations.
const (
	// outputStallMax bounds the time for which a client may take none of its replies. It also
	// bounds the time for which it may have more than aheadBytesMax unread bytes behind a node
	// command.
	outputStallMax = 60 * time.Second
	// keepAlive is the default of the setting tcp-keepalive: after this much silence, the operating
	// system starts to probe whether a client is still there.
	keepAlive = 300 * time.Second
	// keepAliveProbes is the number of unanswered probes, a third of keepAlive apart, that end a
	// connection (Redis: anetKeepAlive).
	keepAliveProbes = 3
	// sweepInterval is the interval at which the sweep looks for idle, stalled and lost
	// connections.
	sweepInterval = time.Second
	// restAfter is the time for which a client must have been silent before the memory that it
	// needed while it was busy is freed.
	restAfter = 2 * sweepInterval
	// lookoutAfter is the time for which a node command must have run before the lookout takes the
	// end of the client's input for a disconnect.
	lookoutAfter = time.Second
	// finishWithin bounds how long a stopping server waits for running node commands, and for a
	// client to take some of its replies.
	finishWithin = time.Second
	// turnAwayLogged is the minimum interval between two log lines about clients that speak another
	// protocol (Redis: a minute).
	turnAwayLogged = time.Minute
	// refusalWait bounds the write that tells a refused client why.
	refusalWait = 100 * time.Millisecond
	// acceptWaitMin and acceptWaitMax bound the pause after a failed accept.
	acceptWaitMin = 5 * time.Millisecond
	acceptWaitMax = time.Second
)

const (
	// errorCodesMax bounds how many different error codes are counted separately.
	errorCodesMax = 128
	// errorCodeBytesMax bounds the number of bytes of a code that are kept.
	errorCodeBytesMax = 32
)

// These declarations check the limits against each other: the input buffer must hold a line with
// its ending, and the largest bulk string that does not count as large.
var (
	_ [inputBytesMax - lineBytesMax - 2]byte
	_ [inputBytesMax - largeBytesMin - 2]byte
)
