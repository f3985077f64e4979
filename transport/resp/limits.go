package resp

import "time"

// What a client may send, as Redis has it.
const (
	// argumentsMax is how many arguments a command may have (the name counts):
	// Redis's documented 1024*1024. Redis 7.0 itself checks for 2^31-1 only.
	argumentsMax = 1 << 20
	// bulkBytesMax is the default of the setting proto-max-bulk-len.
	bulkBytesMax = 512 << 20
	// lineBytesMax bounds an inline command and the lines that announce counts and lengths.
	lineBytesMax = 64 << 10
	// commandBytesMax is the default of the setting client-query-buffer-limit,
	// which bounds one whole command; its client is disconnected without a reply.
	commandBytesMax = 1 << 30
	// strangerArgumentsMax bounds the arguments of a command before authentication.
	strangerArgumentsMax = 10
	// strangerBulkBytesMax bounds a bulk string before authentication.
	strangerBulkBytesMax = 16 << 10
	// ClientsMax is the default of the setting maxclients.
	ClientsMax = 10000
	// databases is how many logical databases SELECT knows.
	databases = 16
)

// What a connection may hold in memory.
const (
	// inputBytesMin is an input's buffer while its client sends little.
	inputBytesMin = 4 << 10
	// inputBytesMax is how large that buffer grows. It holds a line of
	// lineBytesMax, and what arrives together, which runs together.
	inputBytesMax = 128 << 10
	// largeBytesMin is from which size on a bulk string is read into memory of
	// its own (Redis: PROTO_MBULK_BIG_ARG).
	largeBytesMin = 32 << 10
	// largeShare is how many times what has arrived of it such a string may take in
	// memory. More would spare copies, and let a client take what it does not send.
	largeShare = 4
	// aheadBytesMax bounds what is read of a client while a command of the node's runs for
	// it, and aheadBytesMin is the memory for that at first.
	aheadBytesMax = 1 << 20
	aheadBytesMin = 512
	// readBytesMax bounds one read: of a sender that is fast enough, a larger one
	// takes whatever there is room for, and keeps a processor until then.
	readBytesMax = 1 << 20
	// quietReads is after how many small reads in a row a large input buffer is
	// given back.
	quietReads = 64
	// planCommandsMax is how many commands of one pipeline run together.
	planCommandsMax = 4096
	// planSlowMax is how many of them may be reads without the flag "fast", whose
	// replies may be large and wait for each other, once some were seen to be small.
	planSlowMax = 16
	// planCommandsKeep is how many commands' memory a busy connection keeps between
	// plans, and planCommandsIdle how many an idle one.
	planCommandsKeep = 256
	planCommandsIdle = 4

	// outputBytesMax is at how many rendered bytes the replies are sent
	// without waiting for the rest of the plan's.
	outputBytesMax = 64 << 10
	// outputWriteBytesMax bounds one write to a socket: a client that takes
	// that much within outputStallMax is reading.
	outputWriteBytesMax = 256 << 10
	// outputBytesFree is what client-output-buffer-limit does not count: room for
	// one ordinary reply (Redis: PROTO_REPLY_CHUNK_BYTES).
	outputBytesFree = 16 << 10
	// outputBytesKeep is how large an output buffer a busy connection keeps between
	// plans, and outputBytesIdle how large a one an idle connection keeps.
	outputBytesKeep = 16 << 10
	outputBytesIdle = 512
	// smallValuesMin is of how many values more a reply is rendered when it is made, if
	// they are of less than smallValueBytes each: as many as one takes in memory beside its bytes.
	smallValuesMin  = 64
	smallValueBytes = 64
	// pushBytesMax bounds what waits for a client that others push to, where
	// client-output-buffer-limit sets no bound.
	pushBytesMax = 32 << 20
	// directBytesMin is from which size on a bulk string is sent without a copy.
	directBytesMin = 16 << 10
)

// Times.
const (
	// outputStallMax bounds the time in which a client takes none of its replies, or has more
	// than aheadBytesMax unread behind a command of the node's.
	outputStallMax = 60 * time.Second
	// keepAlive is the default of the setting tcp-keepalive: after how much
	// silence the system asks whether a client is still there.
	keepAlive = 300 * time.Second
	// keepAliveProbes is after how many unanswered questions, a third of that
	// time apart, it is not (Redis: anetKeepAlive).
	keepAliveProbes = 3
	// sweepInterval is how often connections are looked through for those that
	// are idle, stalled or gone.
	sweepInterval = time.Second
	// restAfter is how long a client has sent nothing when the memory that it needed
	// while it was busy is given back.
	restAfter = 2 * sweepInterval
	// lookoutAfter is how long a command of the node's has run when the end of its
	// client's bytes begins to count as the client's end.
	lookoutAfter = time.Second
	// finishWithin is how long a server that stops waits for the node's commands, and
	// for a client to take some of its replies.
	finishWithin = time.Second
	// turnAwayLogged is the least time between two log lines about clients that
	// speak another protocol (Redis: a minute).
	turnAwayLogged = time.Minute
	// refusalWait is how long a refused client may take to read why.
	refusalWait = 100 * time.Millisecond
	// acceptWaitMin and acceptWaitMax bound the pause after a failed accept.
	acceptWaitMin = 5 * time.Millisecond
	acceptWaitMax = time.Second
)

const (
	// errorCodesMax is how many different error codes are counted one by one.
	errorCodesMax = 128
	// errorCodeBytesMax is how much of a code is kept.
	errorCodeBytesMax = 32
)

// The limits must fit each other: a line fits the input buffer with what ends
// it, and a bulk string that is not large too.
var (
	_ [inputBytesMax - lineBytesMax - 2]byte
	_ [inputBytesMax - largeBytesMin - 2]byte
)
