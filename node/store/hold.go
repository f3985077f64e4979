package store

import (
	"errors"
	"os"
)

// holdFile is there while the operator of this node holds upgrades. It is no field
// of the identity, which an earlier release drops: a node that was put back to
// that and comes up again still holds.
const holdFile = "upgrade-hold"

// UpgradeHeld reports whether the machine's version is not to be raised yet. A
// file that cannot be looked at holds.
func (d *Dir) UpgradeHeld() bool {
	_, err := os.Lstat(d.file(holdFile))
	return !errors.Is(err, os.ErrNotExist)
}

// HoldUpgrade says whether the machine's version is not to be raised yet, until it
// says otherwise. It is synced when it returns.
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
