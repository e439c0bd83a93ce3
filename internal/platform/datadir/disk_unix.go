//go:build unix

package datadir

import "golang.org/x/sys/unix"

// Disk returns the free and total bytes of the disk on which the path lies, as an ordinary user sees them.
func Disk(path string) (free, total uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, err
	}
	size := uint64(st.Bsize)                                       //nolint:gosec,unconvert // its type differs between systems and it is positive
	return uint64(st.Bavail) * size, uint64(st.Blocks) * size, nil //nolint:unconvert // as above
}
