package setting_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/setting"
)

func TestTheTableIsOrderedAndItsDefaultsAreCanonical(t *testing.T) {
	for i := range setting.Table {
		row := &setting.Table[i]
		if i > 0 && setting.Table[i-1].Name >= row.Name {
			t.Errorf("%s stands behind %s", row.Name, setting.Table[i-1].Name)
		}
		if row.Name != strings.ToLower(row.Name) {
			t.Errorf("%s is not in lower case", row.Name)
		}
		if got, err := row.Canonical(row.Default, row.Default); err != nil || got != row.Default {
			t.Errorf("%s: the default %q becomes %q, %v", row.Name, row.Default, got, err)
		}
		if setting.Find(strings.ToUpper(row.Name)) != row {
			t.Errorf("%s is not found in upper case", row.Name)
		}
	}
	if setting.Find("nosuch") != nil {
		t.Error("an unknown name was found")
	}
}

// The texts are those of redis-server 7.0.15.
func TestValuesAreParsedAndRefusedAsRedisDoes(t *testing.T) {
	const limits = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
	for _, c := range []struct{ name, value, want, refusal string }{
		{"timeout", "10", "10", ""},
		{"timeout", "", "", "argument couldn't be parsed into an integer"},
		{"timeout", "010", "", "argument couldn't be parsed into an integer"},
		{"timeout", " 5", "", "argument couldn't be parsed into an integer"},
		{"timeout", "-1", "", "argument must be between 0 and 2147483647 inclusive"},
		{"maxclients", "0", "", "argument must be between 1 and 4294967295 inclusive"},
		{"proto-max-bulk-len", "1MB", "1048576", ""},
		{"proto-max-bulk-len", "2000000b", "2000000", ""},
		{"proto-max-bulk-len", "2m", "2000000", ""},
		{"proto-max-bulk-len", "2 m", "", "argument must be a memory value"},
		{"proto-max-bulk-len", "-5", "", "argument must be a memory value"},
		{"proto-max-bulk-len", "5", "", "argument must be between 1048576 and 536870912 inclusive"},
		{"proto-max-bulk-len", "", "", "argument must be a memory value"},
		{"proto-max-bulk-len", "99999999999999999999999gb", "", "argument must be between 1048576 and 536870912 inclusive"},
		{"proto-max-bulk-len", "9223372036854775808", "", "argument must be between 1048576 and 536870912 inclusive"},
		{"client-query-buffer-limit", "9223372036854775807", "9223372036854775807", ""},
		{"client-query-buffer-limit", "8589934591gb", "9223372035781033984", ""},
		{"client-query-buffer-limit", "9223372036854775808", "", "argument must be between 1048576 and 9223372036854775807 inclusive"},
		{"client-query-buffer-limit", "18446744073709551616", "", "argument must be between 1048576 and 9223372036854775807 inclusive"},
		{"client-query-buffer-limit", "9000000000gb", "", "argument must be between 1048576 and 9223372036854775807 inclusive"},
		{"client-query-buffer-limit", "17179869184gb", "", "argument must be between 1048576 and 9223372036854775807 inclusive"},
		{"loglevel", "DEBUG", "debug", ""},
		{"loglevel", "foo", "", "argument(s) must be one of the following: debug, verbose, notice, warning"},
		{"requirepass", "s p a c e", "s p a c e", ""},
		{"latency-tracking-info-percentiles", "99.123456789012 1e-7 0.5 100", "99.123457 0 0.5 100", ""},
		{"latency-tracking-info-percentiles", "", "", ""},
		{"latency-tracking-info-percentiles", "50  99", "", "Invalid latency-tracking-info-percentiles parameters"},
		{"latency-tracking-info-percentiles", "nan", "", "Invalid latency-tracking-info-percentiles parameters"},
		{"latency-tracking-info-percentiles", "inf", "", "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"},
		{"latency-tracking-info-percentiles", "-1", "", "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"},
		{"latency-tracking-info-percentiles", strings.Repeat("1 ", 40) + "1", "", "at most 32 percentiles can be shown"},
		{"databases", "16", "", "can't set immutable config"},
		{"enable-debug-command", "yes", "", "can't set immutable config"},
		{"client-output-buffer-limit", "", limits, ""},
		{"client-output-buffer-limit", "replica 1mb 2kb 1", "normal 0 0 0 slave 1048576 2048 1 pubsub 33554432 8388608 60", ""},
		{"client-output-buffer-limit", "normal 1", "", "Wrong number of arguments in buffer limit configuration."},
		{"client-output-buffer-limit", "master 1 1 1", "", "Invalid client class specified in buffer limit configuration."},
		{"client-output-buffer-limit", "normal 1 1 -1", "", "Error in hard, soft or soft_seconds setting in buffer limit configuration."},
		{"client-output-buffer-limit", "normal 0 0 2147483647",
			"normal 0 0 2147483647 slave 268435456 67108864 60 pubsub 33554432 8388608 60", ""},
		{"client-output-buffer-limit", "normal 0 0 010", "normal 0 0 10 slave 268435456 67108864 60 pubsub 33554432 8388608 60", ""},
		{"client-output-buffer-limit", "normal 0 0 2147483648", "", "Error in hard, soft or soft_seconds setting in buffer limit configuration."},
		{"client-output-buffer-limit", "normal 0 0 9223372036854775807", "",
			"Error in hard, soft or soft_seconds setting in buffer limit configuration."},
		{"client-output-buffer-limit", "normal 0 0 1x", "", "Error in hard, soft or soft_seconds setting in buffer limit configuration."},
		{"client-output-buffer-limit", "normal x 1 1", "", "Error in hard, soft or soft_seconds setting in buffer limit configuration."},
	} {
		row := setting.Find(c.name)
		current := row.Default
		if row.Kind == setting.BufferLimits {
			current = limits
		}
		got, err := row.Parse(c.value, current)
		if refused := err != nil; refused != (c.refusal != "") || refused && err.Error() != c.refusal || got != c.want {
			t.Errorf("%s %q: %q, %v; want %q, %q", c.name, c.value, got, err, c.want, c.refusal)
		}
		if (row.Check(c.value) != nil) != (c.refusal != "") {
			t.Errorf("%s %q: Check differs from Parse", c.name, c.value)
		}
	}
	yes := setting.Row{Kind: setting.Bool, Scope: setting.Node}
	if _, err := yes.Parse("maybe", "no"); err == nil || err.Error() != "argument must be 'yes' or 'no'" {
		t.Errorf("a truth of maybe: %v", err)
	}
	if got := setting.UnknownReply("x"); got != "ERR Unknown option or number of arguments for CONFIG SET - 'x'" {
		t.Error(got)
	}
	want := "ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate parameter"
	if got := setting.RefusedReply("timeout", setting.ErrDuplicate); got != want {
		t.Error(got)
	}
	if got, ok := setting.BufferLimitOf(limits, "pubsub"); !ok || got != (setting.BufferLimit{33554432, 8388608, 60}) {
		t.Errorf("limits of pubsub: %+v", got)
	}
}

func TestOnlyReplicatedSettingsAreValues(t *testing.T) {
	v := setting.NewValues()
	if v.BulkMax() != 512<<20 {
		t.Errorf("at first a string may have %d bytes", v.BulkMax())
	}
	if err := v.Set("PROTO-max-bulk-len", "1mb"); err != nil || v.BulkMax() != 1<<20 {
		t.Errorf("after a change it may have %d bytes, %v", v.BulkMax(), err)
	}
	if err := v.Set("timeout", "1"); err == nil {
		t.Error("a node's own setting was taken")
	}
	if err := v.Set(setting.ProtoMaxBulkLen, "1"); err == nil || v.BulkMax() != 1<<20 {
		t.Error("a refused value was taken")
	}
	var names []string
	for name := range v.All() {
		names = append(names, name)
	}
	if !slices.Equal(names, []string{setting.ProtoMaxBulkLen, setting.RemoveDeadAfter}) {
		t.Errorf("values are %q", names)
	}
	clone := v.Clone()
	if err := v.Set(setting.ProtoMaxBulkLen, "2mb"); err != nil || clone.BulkMax() != 1<<20 {
		t.Error("a change reached the clone")
	}
}

func TestStoredValuesComeBackOrFail(t *testing.T) {
	v := setting.NewValues()
	if err := v.Set(setting.ProtoMaxBulkLen, "3mb"); err != nil {
		t.Fatal(err)
	}
	data := v.Append(nil)
	got, err := setting.Decode(data)
	if err != nil || got.BulkMax() != 3<<20 || !slices.Equal(got.Append(nil), data) {
		t.Errorf("decoded %+v, %v", got, err)
	}
	for n := range data {
		if _, err := setting.Decode(data[:n]); err == nil {
			t.Errorf("%d of %d bytes were decoded", n, len(data))
		}
	}
	for name, bad := range map[string][]byte{
		"a byte too many":   append(slices.Clone(data), 0),
		"an unknown name":   append([]byte{1, 6}, "nosuch\x010"...),
		"a node's own":      append([]byte{1, 7}, "timeout\x010"...),
		"an unfit value":    append([]byte{1, 18}, "proto-max-bulk-len\x013"...),
		"a not canonic one": append([]byte{1, 18}, "proto-max-bulk-len\x033mb"...),
	} {
		if _, err := setting.Decode(bad); err == nil {
			t.Errorf("%s was decoded", name)
		}
	}
}
