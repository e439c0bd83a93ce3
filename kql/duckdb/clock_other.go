//go:build !linux

package duckdb

import (
	"sync"
	"time"
)

// Where threads have no clock that is the same to ask everywhere, time that passed stands for time that was used.
var began = sync.OnceValue(time.Now)

func threadTime() time.Duration { return time.Since(began()) }

func processTime() time.Duration { return time.Since(began()) }
