package resp

import "testing"

func TestAClientSetsAndGets(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	c.exchange("SET a 1\r\n", "+OK\r\n")
	c.exchange(multibulk("GET", "a")+multibulk("GET", "b")+"PING\r\n", "$1\r\n1\r\n$-1\r\n+PONG\r\n")
	c.exchange("SELECT 3\r\nGET a\r\nSELECT 0\r\nGET a\r\n", "+OK\r\n$-1\r\n+OK\r\n$1\r\n1\r\n")
	c.exchange("HELLO 3\r\n", "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n"+
		"$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n")
	c.exchange("GET b\r\n", "_\r\n")
	c.exchange("QUIT\r\nSET a 2\r\n", "+OK\r\n")
	c.expectEnd()
	h.dial(t).exchange("GET a\r\n", "$1\r\n1\r\n")
}
