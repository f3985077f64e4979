package store

import (
	"errors"
	"os"
)

// holdFile exists while the operator of this node holds upgrades. It is not a field of the
// identity, which an earlier release would drop: a node that is downgraded and then upgraded again
// still holds.
const holdFile = "upgrade-hold"

// UpgradeHeld reports whether the machine's version must not be raised yet. A file that cannot be
// examined counts as a hold.
func (d *Dir) UpgradeHeld() bool {
	_, err := os.Lstat(d.file(holdFile))
	return !errors.Is(err, os.ErrNotExist)
}

// HoldUpgrade sets whether upgrades are held: while they are, the machine's version must not be
// raised. The change is synced when it returns.
func (d *Dir) HoldUpgrade(hold bool) error {
	var err error
	if hold {
		err = os.WriteFile(d.file(holdFile), nil, 0o600)
	} else if err = os.Remove(d.file(holdFile)); errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return step("store the hold of upgrades", err)
	}
	return syncDirectory(d.path)
}
