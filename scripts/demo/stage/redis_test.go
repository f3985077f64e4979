package stage

import "testing"

func TestInfoIsReadByField(t *testing.T) {
	fields := infoFields("# Replication\r\nrole:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:7\r\nslave0:ip=a,port=1\r\n\r\n")
	for name, want := range map[string]string{"role": "slave", "master_host": "127.0.0.1", "master_port": "7", "slave0": "ip=a,port=1", "none": ""} {
		if fields[name] != want {
			t.Errorf("%s is %q, want %q", name, fields[name], want)
		}
	}
}
