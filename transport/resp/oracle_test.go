package resp

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/internal/oracle"
)

// redisAt starts a real redis-server and returns its address.
func redisAt(t *testing.T) string {
	t.Helper()
	return oracle.Start(t, oracle.Options{Port: true}).Addr
}

// redisWithPassword is redisAt with the password "pw".
func redisWithPassword(t *testing.T) string {
	t.Helper()
	addr := redisAt(t)
	c := dialWire(t, addr)
	c.exchange("CONFIG SET requirepass pw\r\n", "+OK\r\n")
	c.Close()
	return addr
}

// transcripts sends each conversation on a connection of its own and returns
// all that came back within the wait, and whether the connection then ended.
func transcripts(t *testing.T, addr string, conversations []string, wait time.Duration) []string {
	t.Helper()
	var conns []*wire
	for _, send := range conversations {
		c := dialWire(t, addr)
		c.Write([]byte(send))
		conns = append(conns, c)
	}
	deadline := time.Now().Add(wait)
	var got []string
	for _, c := range conns {
		c.SetReadDeadline(deadline)
		b, err := io.ReadAll(c)
		end := "<closed>"
		if os.IsTimeout(err) {
			end = "<open>"
		}
		got = append(got, string(b)+end)
		c.Close()
	}
	return got
}

// differing lists what two servers may answer differently.
var differing = []struct{ pattern, to string }{
	{`:id\r\n:\d+`, ":id"},
	{`(\$2\r\nid\r\n):\d+`, "$1:N"},
	{`id=\d+ addr=\S+ laddr=\S+ fd=\d+`, "id addr laddr fd"},
	{`qbuf=\d+ qbuf-free=\d+ argv-mem=\d+`, "qbuf"},
	{`rbs=\d+ rbp=\d+ obl=\d+ oll=\d+ omem=\d+ tot-mem=\d+`, "mem"},
	{`\+\d+\.\d{6} \[(\d+) 127\.0\.0\.1:\d+\]`, "+$1"}, // a monitor's line
	{`\$\d+\r\nid addr`, "$N\r\nid addr"},
	{`=\d+\r\ntxt:id addr`, "=N\r\ntxt:id addr"},
}

func canonical(s string) string {
	for _, d := range differing {
		s = regexp.MustCompile(d.pattern).ReplaceAllString(s, d.to)
	}
	return s
}

// same sends each conversation to both servers and compares. Where they
// differ, they may have been slow: those are tried again with more time.
func same(t *testing.T, ours, theirs string, conversations []string) {
	t.Helper()
	for _, wait := range []time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second} {
		got, want := transcripts(t, ours, conversations, wait), transcripts(t, theirs, conversations, wait)
		var different []string
		for i, send := range conversations {
			if got, want := canonical(got[i]), canonical(want[i]); got != want {
				different = append(different, send)
				if wait == 5*time.Second {
					t.Errorf("%.200q\n got %.1000q\nwant %.1000q", send, got, want)
				}
			}
		}
		if conversations = different; len(conversations) == 0 {
			return
		}
	}
}

func TestProtocolErrorsAreRedissByteForByte(t *testing.T) {
	theirs := redisAt(t)
	var conversations []string
	for _, input := range framingCases() {
		if strings.Contains(input, "SET") || strings.HasPrefix(input, "*1048577") || strings.Contains(input, strings.Repeat("a", lineBytesMax)) {
			continue // limits.go says where Kvorum is stricter; sizes follow below
		}
		conversations = append(conversations, input)
	}
	long := strings.Repeat("a", lineBytesMax)
	conversations = append(conversations, long, long+"a", "*"+long[1:], "*"+long, "*1\r\n"+long, "*1\r\n"+long+"a", "*1\r\n$"+long)
	same(t, startServer(t, nil).addr, theirs, conversations)
}

func TestProtocolErrorsBeforeAuthenticationAreRediss(t *testing.T) {
	theirs := redisWithPassword(t)
	ours := startServer(t, func(o *Options) { o.Settings.Password = "pw" }).addr
	same(t, ours, theirs, []string{
		"*11\r\n", "*10\r\n", "*2\r\n$16385\r\n", "*2\r\n$16384\r\n", strings.Repeat("a", 65537),
		multibulk("AUTH", "pw") + "*11\r\n", multibulk("AUTH", "pw") + "*11\r\n$16385\r\n", "PING\r\n*11\r\n",
		"PING " + strings.Repeat("a ", 5000) + "\r\n",
	})
}

func TestConnectionCommandsAnswerLikeRedis(t *testing.T) {
	theirs := redisAt(t)
	var conversations []string
	for _, line := range strings.Split(strings.TrimSpace(connectionLines), "\n") {
		conversations = append(conversations, line+"\r\n", "HELLO 3\r\n"+line+"\r\n")
	}
	for _, lines := range []string{
		"CLIENT REPLY OFF|PING|foo|CLIENT REPLY ON|PING", "CLIENT REPLY SKIP|PING|PING x", "CLIENT REPLY SKIP|foo|PING",
		"CLIENT REPLY SKIP|CLIENT REPLY SKIP|PING x|PING y", "CLIENT REPLY OFF|CLIENT REPLY SKIP|PING x|PING y",
		"CLIENT REPLY OFF|RESET|PING", "CLIENT REPLY SKIP|RESET|PING", "CLIENT REPLY x|PING",
		"HELLO 3|CLIENT SETNAME x|SELECT 3|CLIENT NO-EVICT ON|RESET|PING|CLIENT INFO|CLIENT GETNAME",
		"CLIENT NO-EVICT ON|CLIENT INFO|CLIENT NO-EVICT OFF|CLIENT INFO", "SELECT 7|CLIENT INFO",
		"CLIENT SETNAME x|CLIENT SETNAME \"\"|CLIENT GETNAME", "HELLO 2 SETNAME ab AUTH a b|CLIENT GETNAME",
		"HELLO 3 SETNAME ab|CLIENT GETNAME|HELLO 2|CLIENT GETNAME", "HELLO 3 SETNAME \"a b\"|PING|CLIENT GETNAME",
		"QUIT|PING", "quit a b|PING", "PING|QUIT x|foo",
	} {
		conversations = append(conversations, strings.ReplaceAll(lines, "|", "\r\n")+"\r\n")
	}
	same(t, startServer(t, nil).addr, theirs, conversations)
}

func TestAuthenticationAnswersLikeRedis(t *testing.T) {
	theirs := redisWithPassword(t)
	ours := startServer(t, func(o *Options) { o.Settings.Password = "pw" }).addr
	var conversations []string
	for _, lines := range []string{
		"PING", "FOO", "GET", "GET x", "CLIENT", "CLIENT ID", "HELLO", "HELLO 3", "HELLO 9", "HELLO x", "HELLO 3 AUTH default x",
		"HELLO 3 AUTH default pw", "HELLO 3 AUTH default pw SETNAME zz|CLIENT GETNAME", "HELLO 3 SETNAME zz|AUTH pw|CLIENT GETNAME",
		"HELLO 3 AUTH default pw FOO|PING", "RESET", "QUIT", "AUTH", "AUTH x", "AUTH pw|PING", "AUTH default pw|PING",
		"AUTH default x|PING", "AUTH foo pw", "AUTH a b c", "COMMAND", "COMMAND COUNT x", "SELECT 1", "ECHO a",
		"AUTH pw|PING|RESET|PING", "AUTH pw|AUTH x|PING", "CLIENT REPLY OFF|PING|AUTH pw|PING",
		"AUTH pw|HELLO 3|RESET|HELLO 3", "AUTH PW", "AUTH \"\"",
	} {
		conversations = append(conversations, strings.ReplaceAll(lines, "|", "\r\n")+"\r\n")
	}
	same(t, ours, theirs, conversations)
}

// connectionLines is every form of the connection's commands, one a line.
const connectionLines = `
CLIENT
CLIENT ID x
CLIENT INFO
CLIENT INFO x
CLIENT LIST TYPE foo
CLIENT LIST TYPE replica
CLIENT LIST TYPE slave
CLIENT LIST TYPE master
CLIENT LIST TYPE pubsub
CLIENT LIST TYPE monitor
CLIENT LIST TYPE
CLIENT LIST TYPE normal x
CLIENT LIST FOO
CLIENT LIST ID
CLIENT LIST ID x
CLIENT LIST ID 1 type normal
CLIENT LIST ID 99999999 99999998
CLIENT LIST ID 0
CLIENT LIST ID -5
CLIENT LIST ID 01
CLIENT LIST ID 9223372036854775808
CLIENT GETNAME
CLIENT GETNAME x
CLIENT SETNAME
CLIENT SETNAME "a b"
CLIENT SETNAME "a\x7f"
CLIENT SETNAME "a\x80"
CLIENT SETNAME ab
CLIENT NO-EVICT on
CLIENT NO-EVICT OFF
CLIENT NO-EVICT x
CLIENT NO-EVICT
CLIENT REPLY on
CLIENT REPLY x
CLIENT REPLY
CLIENT REPLY a b
CLIENT KILL
CLIENT KILL x
CLIENT KILL 1.2.3.4:5
CLIENT KILL ID
CLIENT KILL ID x
CLIENT KILL ID 0
CLIENT KILL ID -1
CLIENT KILL ID 99999999999999999999
CLIENT KILL ID 99999999
CLIENT KILL TYPE
CLIENT KILL TYPE x
CLIENT KILL TYPE pubsub
CLIENT KILL TYPE master
CLIENT KILL TYPE slave
CLIENT KILL USER nobody
CLIENT KILL USER default SKIPME yes ID 99999999
CLIENT KILL SKIPME x
CLIENT KILL SKIPME no ID 99999999
CLIENT KILL SKIPME NO TYPE replica
CLIENT KILL FOO x
CLIENT KILL ADDR 1.1.1.1:1 LADDR 2.2.2.2:2
CLIENT KILL ID 1 ID
PING
PING a
PING a b
ECHO
ECHO hi
ECHO a b
SELECT
SELECT 15
SELECT 16
SELECT -1
SELECT x
SELECT +1
SELECT 01
SELECT 2147483647
SELECT 2147483648
SELECT 9223372036854775807
SELECT 9223372036854775808
AUTH
AUTH x
AUTH default x
AUTH foo x
AUTH a b c
RESET
RESET x
HELLO
HELLO 1
HELLO 4
HELLO x
HELLO 03
HELLO 2 FOO
HELLO 2 "a b"
HELLO 2 AUTH a
HELLO 2 AUTH a b
HELLO 2 AUTH default b
HELLO 2 SETNAME
HELLO 2 SETNAME "a b"
HELLO 3 SETNAME ab
HELLO 99999999999999999999
QUIT
`
