package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/bartizan-sec/bartizan/internal/api"
	"github.com/bartizan-sec/bartizan/internal/platform/datadir"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// room refuses records while the disk of a built-in bus is nearly full: state and lake, which lie on it too, have to be able to work off what was taken. An external
// bus has room of its own.
func (s *server) room() func() error {
	reserve := uint64(s.cfg.Bus.Reserve)
	if reserve == 0 || s.cfg.Bus.URL != "" {
		return nil
	}
	var mu sync.Mutex
	var looked time.Time
	var last error
	return func() error {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(looked) < 100*time.Millisecond {
			return last
		}
		looked, last = time.Now(), nil
		free, _, err := datadir.Disk(s.dir.Root)
		if err == nil && free < reserve {
			s.metrics.Limits.Hit("bus.reserve", "deliveries while the disk is nearly full")
			last = fault.Newf(fault.Unavailable, "the disk of the data folder has %s left (bus.reserve: %s); make room, or lower how long things are kept", humanize.IBytes(free), s.cfg.Bus.Reserve)
		}
		return last
	}
}

// lowDisk is the part of a disk below which the health page warns, in percent.
const lowDisk = 10

// diskHealth tells how full the data folder's disk is.
func (s *server) diskHealth() api.HealthComponent {
	free, total, err := datadir.Disk(s.dir.Root)
	c := api.Component("disk", "", err)
	if err != nil || total == 0 {
		return c
	}
	c.Detail = fmt.Sprintf("%s of %s free", humanize.IBytes(free), humanize.IBytes(total))
	switch {
	case s.cfg.Bus.URL == "" && free < uint64(s.cfg.Bus.Reserve):
		c.OK, c.Status, c.Error = false, "incident", "records are refused until there is room again (bus.reserve)"
	case free*100 < total*lowDisk:
		c.Status = "advisory"
	}
	return c
}
