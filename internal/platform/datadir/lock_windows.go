package datadir

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// The lock lies far behind the text, because Windows forbids others to read what is locked.
func region() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: 1 << 20} }

func take(f *os.File) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, region())
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errHeld
	}
	return err
}

func release(f *os.File) error {
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, region())
}
