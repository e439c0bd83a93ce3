package lake

import (
	"time"
)

// Inventory says how large a lake is.
type Inventory struct {
	Engine    string
	Tables    []TableStats // by name; tables without rows too
	FileBytes int64        // what the lake takes of the disk
	FreeBytes int64        // of that, what holds nothing: it is written to before the lake grows
	// Worth says why a compaction is worth while, "" when it is not.
	Worth string
}

// TableStats say how large a table is. Times are zero when there are none.
type TableStats struct {
	Table      string
	Rows       int64
	Bytes      int64 // on disk; rows that were written just now may not count yet
	Oldest     time.Time
	Newest     time.Time
	LastIngest time.Time // when the last row arrived
}

// Progress says how far a compaction is.
type Progress struct {
	Table      string
	Done, Rows int64
}

// Compaction says what a compaction did.
type Compaction struct {
	Before, After int64 // bytes on disk
	Rows          int64 // that were written again
	// Waited is how long writers were held up.
	Waited time.Duration
}

// Export is a part of a table.
type Export struct {
	Table    string
	From, To time.Time // of the table's time column: from From, before To; zero for no bound
	// Lab includes what evaluation lab runs made.
	Lab bool
}

// Excess is how many of a table's rows have to go so that the rest takes no more bytes than the limit. stored are the rows that the bytes are of, among them
// deleted ones whose room has not come back yet. A little more goes than has to, so that not every look finds some.
func Excess(rows, stored, bytes, limit int64) int64 {
	if stored <= 0 || rows <= 0 || bytes <= 0 {
		return 0
	}
	each := float64(bytes) / float64(stored)
	live := float64(min(rows, stored))
	if each*live <= float64(max(limit, 0)) {
		return 0
	}
	keep := int64(float64(max(limit, 0)) * 0.95 / each)
	return max(rows-keep, 1)
}
