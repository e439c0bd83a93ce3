package main

import (
	"os"
	"runtime"
	"syscall"
)

// maxRSS is the greatest resident memory of an ended process in bytes.
func maxRSS(p *os.ProcessState) float64 {
	u, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return float64(u.Maxrss)
	}
	return float64(u.Maxrss) * 1024
}
