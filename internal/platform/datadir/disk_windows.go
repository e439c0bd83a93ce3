package datadir

import "golang.org/x/sys/windows"

// Disk returns the free and total bytes of the disk on which the path lies, as an ordinary user sees them.
func Disk(path string) (free, total uint64, err error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, 0, err
	}
	err = windows.GetDiskFreeSpaceEx(name, &free, &total, nil)
	return free, total, err
}
