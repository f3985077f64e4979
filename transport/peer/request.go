package peer

// Kind says what a request asks. The package above numbers the kinds from 1 to 127.
type Kind uint8

// Class selects the connection on which a request travels.
type Class uint8

// The classes. Requests of one class to one server arrive in the order in which they were sent. A
// large Bulk request never delays a Small one.
const (
	Small Class = iota // questions for whose answer somebody waits
	Bulk               // forwarded writes
	classCount
)

// Request is a question to another server.
type Request struct {
	Kind    Kind
	Class   Class
	Hops    uint8  // how often it was passed on; 0 from its origin
	Payload []byte // copied when sent; the receiving handler owns it
}

// Answer is a server's answer. Status 0 means success; the package above numbers the other
// statuses.
type Answer struct {
	Status  uint8
	Payload []byte // the caller owns it
}

// Caller is the sender of a request, as its connection's greeting named it.
type Caller struct {
	Lane    Lane
	Cluster string // may be "" in the lane Hello
	Server  string // id@incarnation
}

// Handler serves requests.
type Handler interface {
	// Admit may refuse a greeting whose cluster and server fit. The caller is sent a *Refusal as it
	// is, or the text of another error.
	Admit(g Greeting) error
	// Serve is called on the connection's reader, in the order of arrival. It must not block; slow
	// requests are answered later, from any goroutine.
	Serve(from Caller, req Request, to Responder)
}

// Book knows the addresses of servers.
type Book interface {
	// Address returns the host:port of a server (id@incarnation). It is called at every dial.
	Address(server string) (addr string, ok bool)
}

// Responder answers one request, once, from any goroutine, without blocking. After its connection
// has broken it does nothing.
type Responder struct {
	box  *outbox
	id   uint64
	kind uint8
}

// Answer sends the answer. A payload beyond the limit is a bug in the handler and panics.
func (r Responder) Answer(a Answer) {
	if len(a.Payload) > payloadBytesMax {
		panic("peer: an answer is larger than a frame")
	}
	r.box.put(frame{kind: r.kind | answerBit, status: a.Status, id: r.id, payload: a.Payload})
}
