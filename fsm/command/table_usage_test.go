package command

import (
	"fmt"
	"strings"
	"testing"
)

// print writes arguments in full, so that a test can say what a usage stands for.
func printArgs(args []Arg) string {
	var all []string
	for i := range args {
		a := &args[i]
		s := a.Name + ":" + argTypeNames[a.Type]
		if a.Type == ArgKey {
			s += fmt.Sprint(a.KeySpec)
		}
		if a.Token != "" {
			s = a.Token + "=" + s
		}
		for _, flag := range []struct {
			name string
			set  bool
		}{{"optional", a.Optional}, {"multiple", a.Multiple}, {"multiple_token", a.MultipleToken}} {
			if flag.set {
				s += " " + flag.name
			}
		}
		if a.Since != "" {
			s += " since " + a.Since
		}
		if a.DeprecatedSince != "" {
			s += " until " + a.DeprecatedSince
		}
		if len(a.Args) > 0 {
			s += " {" + printArgs(a.Args) + "}"
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

func TestAUsageSaysNameArityAndArguments(t *testing.T) {
	for _, c := range []struct {
		usage string
		arity int
		want  string
	}{
		{"ping", 1, ""},
		{"client|id", 2, ""},
		{"get key", 2, "key:key0"},
		{"a value n:int f:double t:time p:pattern s:string", 7,
			"value:string, n:integer, f:double, t:unix-time, p:pattern, s:string"},
		{"rename key newkey:key", 3, "key:key0, newkey:key1"},
		{"sort key [STORE destination:key3]", -2, "key:key0, STORE=destination:key2 optional"},
		{"cluster|keyslot key:string", 3, "key:string"},
		{"kill ip:port host:port yes/no", 4, "ip:port:string, host:port:string, yes/no:string"},
		{"mget key...", -2, "key:key0 multiple"},
		{"info [section...]", -1, "section:string optional multiple"},
		{"mset key_value=(key value)...", -3, "key_value:block multiple {key:key0, value:string}"},
		{"config|get parameter=(parameter)...", -3, "parameter:block multiple {parameter:string}"},
		{"auth [username]@6.0.0 password", -2, "username:string optional since 6.0.0, password:string"},
		{"raft|upgrade FINISH", 3, "FINISH=finish:pure-token"},
		{"no (NO) ONE", 3, "NO=no:pure-token, ONE=one:pure-token"},
		{"scan [COUNT count:int]", -1, "COUNT=count:integer optional"},
		{"x [AUTH pair=(a b)]@1.2.3", -1, "AUTH=pair:block optional since 1.2.3 {a:string, b:string}"},
		{"x id=(auto_id:* | id)", 2, "id:oneof {*=auto_id:pure-token, id:string}"},
		{"x op=[equal:=|approximately:~] n", -2, "op:oneof optional {==equal:pure-token, ~=approximately:pure-token}, n:string"},
		{"x [GET pattern]... y", -2, "GET=pattern:string optional multiple multiple_token, y:string"},
		{"x GET pattern... y", -4, "GET=pattern:string multiple, y:string"},
		{"x [a...@1.0.0..2.0.0] b@..3.0.0", -2, "a:string optional multiple since 1.0.0 until 2.0.0, b:string until 3.0.0"},
		{"x which=(ONE | TWO three)", -2, "which:oneof {ONE=one:pure-token, TWO=three:string}"},
		{"x which=(TWO three | ONE)", -2, "which:oneof {TWO=three:string, ONE=one:pure-token}"},
		{"x which=(A a | B b)", 3, "which:oneof {A=a:string, B=b:string}"},
		{"x which=([A a] | [B b])", 3, "which:oneof {A=a:string optional, B=b:string optional}"},
	} {
		name, args, err := parseUsage(c.usage)
		if err != nil {
			t.Errorf("%s: %v", c.usage, err)
			continue
		}
		numberKeys(args, 0, 9)
		if want, _, _ := strings.Cut(c.usage, " "); name != want {
			t.Errorf("%s: it is called %s", c.usage, name)
		}
		if got := printArgs(args); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.usage, got, c.want)
		}
		if row := newRow(c.usage, 0, nil); row.Arity != c.arity {
			t.Errorf("%s: arity %d, want %d", c.usage, row.Arity, c.arity)
		}
	}
}

func TestAUsageThatCannotBeReadIsRefused(t *testing.T) {
	for _, usage := range []string{
		"", " key", "GET key", "Get key", "x (", "x (a", "x [a", "x a)", "x a]", "x [a)", "x n=(a b", "x ()", "x [ ]", "x n=()",
		"x (a b)", "x [a | b]", "x a | b", "x n=(a | )", "x n=( | a)", "x n=(a b | c)", "x n=(a | b c)", "x n=(a || b)",
		"x a@", "x a@1", "x a@1.2", "x a@1.2.3.4", "x a@1.2.3..", "x a@1.2.3..4", "x a@..", "x a@1..2", "x a@x", "x a ...", "x @1.2.3", "x ...",
	} {
		if name, args, err := parseUsage(usage); err == nil {
			t.Errorf("%q was read as %s %s", usage, name, printArgs(args))
		}
	}
}

func TestARowWhoseUsageCannotBeReadStopsTheProgram(t *testing.T) {
	defer func() {
		if why := fmt.Sprint(recover()); !strings.Contains(why, "x (a b)") {
			t.Errorf("stopped with %q", why)
		}
	}()
	read("x (a b)", getCommand, 0)
	t.Error("the row was made")
}

func FuzzUsage(f *testing.F) {
	for row := range Every {
		f.Add(row.Name)
	}
	f.Add("set key value " + setCondition + " " + setExpiration)
	f.Add("kill " + clientKillFilter)
	f.Add("x [GET pattern]... id=(auto_id:* | id)@1.2.3..4.5.6")
	f.Fuzz(func(t *testing.T, text string) {
		name, args, err := parseUsage(text)
		if err != nil {
			return
		}
		if least, _ := size(args); name == "" || least < 0 {
			t.Errorf("%q: name %q, at least %d arguments", text, name, least)
		}
	})
}

func BenchmarkARowIsMade(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		write("set key value "+setCondition+" "+setExpiration, setCommand, DenyOOM, keyAt(1, KeyRW)).join("string", "string")
	}
}
