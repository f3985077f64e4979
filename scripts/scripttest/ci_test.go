package scripttest

import (
	"os/exec"
	"strings"
	"testing"
)

// harness runs .ci/run's installation of packages, with all that needs rights written
// down instead of done. Of its arguments the first is what systemctl says of the service,
// the second the status of apt-get.
const harness = `
set -euo pipefail
exec 9>&2
command() { [[ "$2" == systemctl ]]; }
systemctl() { echo "$is_enabled"; }
docker() { return 1; }
is_enabled="$1" apt="$2"
eval "$(sed -n '/^install_packages()/,/^}/p' ../../.ci/run)"
root() {
  if [[ "$1" == tee ]]; then cat >/dev/null; fi
  echo "$*" >&9
  [[ "$1" != env ]] || return "$apt"
}
install_packages
`

func TestWhatTheInstallationChangesItUndoes(t *testing.T) {
	const mask, unmask = "systemctl mask redis-server.service", "systemctl unmask redis-server.service"
	for _, c := range []struct{ enabled, apt, undone string }{
		{"enabled", "0", "yes"},
		{"enabled", "1", "yes"},
		{"", "0", "yes"}, // a service that is not there yet
		{"masked", "0", ""},
		{"masked", "1", ""},
	} {
		out, err := exec.Command("bash", "-c", harness+"echo went on >&2", "-", c.enabled, c.apt).CombinedOutput()
		said := string(out)
		if (err == nil) != (c.apt == "0") || !strings.Contains(said, "apt-get") {
			t.Fatalf("%+v: %v\n%s", c, err, said)
		}
		if strings.Count(said, mask) != strings.Count(said, unmask) || strings.Contains(said, unmask) != (c.undone != "") {
			t.Errorf("%+v: it has done\n%s", c, said)
		}
		if strings.Count(said, "tee /usr/sbin/policy-rc.d") != strings.Count(said, "rm -f /usr/sbin/policy-rc.d") {
			t.Errorf("%+v: the policy stays\n%s", c, said)
		}
	}
}
