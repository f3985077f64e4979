package store

// What the tests of this package need to have a disk fail.
type (
	Volume     = volume
	VolumeFile = volumeFile
	OSVolume   = osVolume
)

// What the tests must know of the limits.
const (
	SnapshotSyncBytes    = snapshotSyncBytes
	SnapshotReserveBytes = snapshotReserveBytes
)

// SetVolume has snapshots written to v; it comes before Stores.
func (d *Dir) SetVolume(v Volume) { d.volume = v }
