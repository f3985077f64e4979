package peer

import "time"

const (
	// payloadBytesMax bounds one frame's payload: twice the largest log entry,
	// since a forwarded batch is the largest thing that is ever sent.
	payloadBytesMax = 1 << 20
	// greetingBytesMax bounds the body of a greeting or of its answer: names and a reason.
	greetingBytesMax = 2 << 10
	// nameBytesMax bounds the name of a cluster or a server in a greeting.
	nameBytesMax = 255
	// reasonBytesMax bounds the text of a refusal; a longer one is cut.
	reasonBytesMax = 1 << 10

	// outputBytesMax bounds what waits to be written to one connection. A
	// request above it is refused, since its peer does not keep up; a server
	// above it stops reading requests until its answers have left.
	outputBytesMax = 8 << 20
	// outputBytesKept is how large a buffer is kept for the next write.
	outputBytesKept = 256 << 10
	// inputBytes is the read buffer of a connection of requests: several small
	// frames for one system call.
	inputBytes = 32 << 10

	// burstMax bounds how many requests are served before their answers are written.
	burstMax = 64

	// directRequestsMax and directBytesMax bound what may be on its way when a
	// sender writes its request itself: far less than any socket's buffer.
	directRequestsMax = 2
	directBytesMax    = 1 << 10

	// newcomersDefault bounds accepted connections that have not greeted or have said
	// nothing since: the oldest makes room, so this is how many may come between a
	// server's dial and its first word.
	newcomersDefault = 128
	// placesPerServer bounds a server's connections that have carried something. It
	// needs one for each class of requests and a handful for Raft; the rest are for
	// those whose end has not been noticed yet.
	placesPerServer = 16
	// serversDefault bounds those of all servers: of twelve, or of more that use fewer.
	serversDefault = 12 * placesPerServer
	// streamsWaitingMax bounds Raft connections accepted before the node takes them.
	streamsWaitingMax = 32

	// dialTimeout bounds one dial of ours, with name resolution.
	dialTimeout = 3 * time.Second
	// greetTimeout bounds a greeting and its answer, on both sides.
	greetTimeout = 3 * time.Second
	// firstWordWithin bounds the silence between a greeting and what it was for: a
	// server dials when it has something to send.
	firstWordWithin = 3 * time.Second
	// idleMax ends a connection of requests on which nothing comes in, or that takes
	// no answers; keepAliveEvery is how often a link that is idle says so before that.
	idleMax        = time.Minute
	keepAliveEvery = 15 * time.Second
	// complainEvery bounds how often what strangers cause is logged.
	complainEvery = 30 * time.Second
	// helloTimeout bounds a connection of the lane Hello, which anybody may open.
	helloTimeout = 30 * time.Second
	// backoffMin is the pause after a first failed dial; it doubles up to backoffMax.
	backoffMin = 10 * time.Millisecond
	// backoffMax bounds the pause between dials, so that a server that comes
	// back is found within half a second.
	backoffMax = 500 * time.Millisecond
	// silenceProbe is how long a connection with waiting requests may be
	// silent before it is probed, and how often it is looked at.
	silenceProbe = time.Second
	// silenceProbesMax is how many probes in a row go unanswered before the
	// connection counts as broken (a cut network says nothing).
	silenceProbesMax = 3
)

// A frame must fit a connection's output, or it could never be sent; and a
// greeting must hold its three names or a reason.
const (
	_ uint = outputBytesMax - payloadBytesMax - headerBytes
	_ uint = greetingBytesMax - 3*(nameBytesMax+1) - 16
	_ uint = greetingBytesMax - reasonBytesMax - 2*(nameBytesMax+1) - 16
)
