package peer

// Kind says what a request asks; the package above numbers them from 1 to 127.
type Kind uint8

// Class picks the connection that a request travels on.
type Class uint8

// The classes. Requests of one class to one server arrive in the order in
// which they were sent; a large Bulk request never delays a Small one.
const (
	Small Class = iota // questions that somebody waits for
	Bulk               // forwarded writes
	classCount
)

// Request is a question to another server.
type Request struct {
	Kind    Kind
	Class   Class
	Hops    uint8  // how often it has been passed on: 0 from its origin
	Payload []byte // copied when sent; owned by the handler when received
}

// Answer is a server's answer. Status 0 is success; the package above numbers
// the others.
type Answer struct {
	Status  uint8
	Payload []byte // owned by the caller
}

// Caller is who sent a request, as its connection's greeting said.
type Caller struct {
	Lane    Lane
	Cluster string // "" possible in the lane Hello
	Server  string // id@incarnation
}

// Handler serves requests.
type Handler interface {
	// Admit may refuse a greeting that fits cluster and server; the error's
	// text goes to the caller, a *Refusal as it is.
	Admit(g Greeting) error
	// Serve is called on the connection's reader, in the order of arrival. It
	// must not block: what takes time is answered later, from anywhere.
	Serve(from Caller, req Request, to Responder)
}

// Book knows where servers are.
type Book interface {
	// Address returns the host:port of a server (id@incarnation); it is asked
	// at every dial.
	Address(server string) (addr string, ok bool)
}

// Responder answers one request, once, from any goroutine, without blocking.
// After its connection has broken it does nothing.
type Responder struct {
	box  *outbox
	id   uint64
	kind uint8
}

// Answer sends the answer. A payload above the limit is a bug of the handler's
// and panics.
func (r Responder) Answer(a Answer) {
	if len(a.Payload) > payloadBytesMax {
		panic("peer: an answer is larger than a frame")
	}
	r.box.put(frame{kind: r.kind | answerBit, status: a.Status, id: r.id, payload: a.Payload})
}
