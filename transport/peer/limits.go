package peer

import "time"

const (
	// payloadBytesMax bounds the payload of a frame. It is twice the largest log entry, since a
	// forwarded batch is the largest message.
	payloadBytesMax = 1 << 20
	// greetingBytesMax bounds the body of a greeting or of its answer, which hold names and a
	// reason.
	greetingBytesMax = 2 << 10
	// nameBytesMax bounds the name of a cluster or a server in a greeting.
	nameBytesMax = 255
	// reasonBytesMax bounds the text of a refusal; a longer text is cut.
	reasonBytesMax = 1 << 10

	// outputBytesMax bounds the bytes that wait to be written to one connection. A client beyond it
	// refuses new requests, since its peer does not keep up. A server beyond it stops reading
	// requests until its answers have been written.
	outputBytesMax = 8 << 20
	// outputBytesKept is the largest buffer that is kept for the next write.
	outputBytesKept = 256 << 10
	// inputBytes is the size of the read buffer of a connection of requests. One system call then
	// reads several small frames.
	inputBytes = 32 << 10

	// burstMax bounds how many requests are served before their answers are written.
	burstMax = 64

	// directRequestsMax and directBytesMax bound what may be in flight when a sender writes its
	// request itself. They are far below the size of any socket's buffer.
	directRequestsMax = 2
	directBytesMax    = 1 << 10

	// newcomersDefault bounds the accepted connections that have not greeted or have sent nothing
	// since then. The oldest makes room for the next, so this many may arrive between a server's
	// dial and its first request.
	newcomersDefault = 128
	// placesPerServer bounds the connections of one server that have carried something. A server
	// needs one for each class of requests and a handful for Raft. The rest are for connections
	// whose end has not been noticed yet.
	placesPerServer = 16
	// serversDefault bounds such connections of all servers: twelve servers, or more that use
	// fewer.
	serversDefault = 12 * placesPerServer
	// streamsWaitingMax bounds the Raft connections that are accepted but not yet taken by the
	// node.
	streamsWaitingMax = 32

	// dialTimeout bounds one dial by this server, name resolution included.
	dialTimeout = 3 * time.Second
	// greetTimeout bounds the exchange of a greeting and its answer, on both sides.
	greetTimeout = 3 * time.Second
	// firstWordWithin bounds the silence after a greeting. A server dials only when it has
	// something to send.
	firstWordWithin = 3 * time.Second
	// idleMax ends a connection of requests on which nothing arrives or no answers are taken.
	// keepAliveEvery is the interval at which an idle link sends a probe to prevent that.
	idleMax        = time.Minute
	keepAliveEvery = 15 * time.Second
	// complainEvery is the minimum interval between log lines about one kind of event that
	// strangers cause.
	complainEvery = 30 * time.Second
	// helloTimeout bounds the life of a connection in the lane Hello, which anybody may open.
	helloTimeout = 30 * time.Second
	// backoffMin is the pause after a first failed dial. Each further failure doubles it, up to
	// backoffMax.
	backoffMin = 10 * time.Millisecond
	// backoffMax bounds the pause between dials, so that a returning server is found within half a
	// second.
	backoffMax = 500 * time.Millisecond
	// silenceProbe is the time for which a connection with waiting requests may be silent before it
	// is probed, and the interval at which it is checked.
	silenceProbe = time.Second
	// silenceProbesMax is the number of probes in a row that may go unanswered before the
	// connection counts as broken. A cut network gives no other sign.
	silenceProbesMax = 3
)

// These declarations check the limits against each other. A frame must fit the output of a
// connection, or it could never be sent. A greeting must hold its three names, and an answer its
// names and a reason.
const (
	_ uint = outputBytesMax - payloadBytesMax - headerBytes
	_ uint = greetingBytesMax - 3*(nameBytesMax+1) - 16
	_ uint = greetingBytesMax - reasonBytesMax - 2*(nameBytesMax+1) - 16
)
