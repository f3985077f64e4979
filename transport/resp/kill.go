package resp

import (
	"github.com/kvorum/kvorum/fsm/reply"
)

// victims selects the clients that CLIENT KILL ends: those that match every given filter.
type victims struct {
	id          int64 // 0: any
	addr, laddr string
	none        bool // the type filter names a type that no client here has
	skipMe      bool
}

func (v *victims) include(c *client, id uint64) bool {
	return !v.none &&
		(v.id == 0 || v.id == int64(id)) &&
		(v.addr == "" || v.addr == c.addr) &&
		(v.laddr == "" || v.laddr == c.laddr)
}

// clientKillCommand is CLIENT KILL, in its old form (addr) and its new form (filters). Like CLIENT
// LIST, it knows the clients of this node only.
func (c *client) clientKillCommand(args [][]byte) reply.Value {
	v := victims{skipMe: true}
	oldForm := len(args) == 3
	if oldForm {
		v = victims{addr: string(args[2])}
	} else if refusal := v.parse(args[2:]); refusal.IsError() {
		return refusal
	}
	base, refusal := c.idBase()
	if refusal.IsError() {
		return refusal
	}
	killed := 0
	for _, other := range c.server.everyone() {
		switch {
		case !v.include(other, base|other.number), v.skipMe && other == c:
			continue
		case other == c:
			c.closing = true // disconnect after the reply
		default:
			other.kill()
		}
		killed++
		if oldForm {
			return reply.OK
		}
	}
	if oldForm {
		return errNoSuchClient
	}
	return reply.Int(int64(killed))
}

// parse parses the filters of the new form, which come in pairs.
func (v *victims) parse(filters [][]byte) reply.Value {
	for i := 0; i < len(filters); i += 2 {
		if i+1 == len(filters) {
			return errSyntax
		}
		if refusal := v.filter(filters[i], filters[i+1]); refusal.IsError() {
			return refusal
		}
	}
	return reply.OK
}

// filter parses one filter of CLIENT KILL.
func (v *victims) filter(name, value []byte) reply.Value {
	switch {
	case is(name, "ID"):
		id, ok := decimal(value)
		if !ok || id < 1 {
			return reply.Err("ERR client-id should be greater than 0")
		}
		v.id = id
	case is(name, "TYPE"):
		normal, refusal := clientType(value)
		if refusal.IsError() {
			return refusal
		}
		v.none = !normal
	case is(name, "ADDR"):
		v.addr = string(value)
	case is(name, "LADDR"):
		v.laddr = string(value)
	case is(name, "USER"):
		if string(value) != "default" {
			return reply.Err("ERR No such user '" + string(value) + "'")
		}
	case is(name, "SKIPME") && is(value, "yes"):
		v.skipMe = true
	case is(name, "SKIPME") && is(value, "no"):
		v.skipMe = false
	default:
		return errSyntax
	}
	return reply.OK
}
