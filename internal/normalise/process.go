package normalise

import (
	"strings"
	"sync"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Process is what is known about one process of a device. It is not changed after it was added, except that its end is noted.
type Process struct {
	Tenant tenant.ID
	Device string // DeviceId
	ID     int64
	GUID   string // the sensor's unique id, lower case with braces; may be empty
	Path   string
	// Created and Ended are schema ticks; 0 is unknown and still running.
	Created, Ended int64

	CommandLine                                              string
	AccountDomain, AccountName, AccountSID                   string
	LogonID                                                  int64
	Integrity, TokenElevation                                string
	Hashes                                                   Hashes
	Company, Product, Version, OriginalFileName, Description string
	ParentID                                                 int64
	ParentGUID, ParentPath                                   string
	ParentCreated                                            int64
	// Source is the family's name for where the process came from ("sysmon", "security", "auditd").
	Source string
}

// ProcessCache remembers the processes of all devices, so that later events can say which process, with which command line, of which parent,
// caused them. It holds a bounded number and forgets those not asked for longest. It is safe for concurrent use.
type ProcessCache struct {
	mu     sync.Mutex
	max    int
	room   int // bytes of text left before processes are forgotten for size
	byGUID map[guidKey]*processEntry
	byID   map[idKey]*processEntry // the latest of that id; older ones are chained
	newest *processEntry
	oldest *processEntry
	count  int
}

type guidKey struct {
	tenant       tenant.ID
	device, guid string
}

type idKey struct {
	tenant tenant.ID
	device string
	id     int64
}

type processEntry struct {
	Process
	newer, older *processEntry // order of use
	previous     *processEntry // an earlier process with the same id
	next         *processEntry // a later process with the same id
}

// idChain bounds how many processes with one id on one device are kept.
const idChain = 8

// meanText is how many bytes of text per process the cache has room for: command lines may be 64 kB, most are short.
const meanText = 2048

// NewProcessCache returns a cache of at most max processes (at least 1).
func NewProcessCache(max int) *ProcessCache {
	if max < 1 {
		max = 1
	}
	return &ProcessCache{max: max, room: max * meanText, byGUID: map[guidKey]*processEntry{}, byID: map[idKey]*processEntry{}}
}

// Len returns the number of processes held.
func (c *ProcessCache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// Add remembers p. A process with the same GUID is replaced. A process that ran under the same id before is taken as ended.
func (c *ProcessCache) Add(p Process) {
	p.detach()
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.GUID != "" {
		if e := c.byGUID[guidKey{p.Tenant, p.Device, p.GUID}]; e != nil {
			if p.Ended == 0 {
				p.Ended = e.Ended
			}
			if e.ID == p.ID {
				c.room += e.textSize() - p.textSize()
				e.Process = p
				c.touch(e)
				c.shrink()
				return
			}
			c.remove(e)
		}
	}
	e := &processEntry{Process: p}
	key := idKey{p.Tenant, p.Device, p.ID}
	if last := c.byID[key]; last != nil {
		e.previous, last.next = last, e
		if last.Ended == 0 && last.Created < p.Created {
			last.Ended = p.Created
		}
		n := 1
		for x := last; x.previous != nil; x = x.previous {
			if n++; n >= idChain {
				c.remove(x.previous)
				break
			}
		}
	}
	c.byID[key] = e
	if p.GUID != "" {
		c.byGUID[guidKey{p.Tenant, p.Device, p.GUID}] = e
	}
	c.pushFront(e)
	c.count++
	c.room -= e.textSize()
	c.shrink()
}

// shrink forgets the processes not asked for longest until the rest fits; the newest always stays.
func (c *ProcessCache) shrink() {
	for c.count > c.max || c.room < 0 && c.count > 1 {
		c.remove(c.oldest)
	}
}

// texts lists the variable-length parts of a process.
func (p *Process) texts() [19]*string {
	return [...]*string{
		&p.Device, &p.GUID, &p.Path, &p.CommandLine, &p.AccountDomain, &p.AccountName, &p.AccountSID, &p.Integrity, &p.Hashes.MD5, &p.Hashes.SHA1, &p.Hashes.SHA256,
		&p.Hashes.ImpHash, &p.Company, &p.Product, &p.Version, &p.OriginalFileName, &p.Description, &p.ParentGUID, &p.ParentPath,
	}
}

// detach copies the texts, so that the cache does not keep the records alive that they are parts of.
func (p *Process) detach() {
	for _, s := range p.texts() {
		*s = strings.Clone(*s)
	}
}

func (p *Process) textSize() int {
	n := 0
	for _, s := range p.texts() {
		n += len(*s)
	}
	return n
}

// ByGUID returns the process with the sensor's unique id.
func (c *ProcessCache) ByGUID(t tenant.ID, device, guid string) (Process, bool) {
	if guid == "" {
		return Process{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byGUID[guidKey{t, device, guid}]
	if e == nil {
		return Process{}, false
	}
	c.touch(e)
	return e.Process, true
}

// clockSlack is how far the clocks of two logs of one device may differ: 2 s in ticks.
const clockSlack = 2 * 10_000_000

// At returns the process that ran under id at the time (ticks): created before it and not ended before it, the latest of those.
func (c *ProcessCache) At(t tenant.ID, device string, id, at int64) (Process, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.byID[idKey{t, device, id}]; e != nil; e = e.previous {
		if e.Created <= at+clockSlack && (e.Ended == 0 || at <= e.Ended+clockSlack) {
			c.touch(e)
			return e.Process, true
		}
	}
	return Process{}, false
}

// Near returns the process of that id that was created within the clock slack of the time (ticks).
func (c *ProcessCache) Near(t tenant.ID, device string, id, created int64) (Process, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.byID[idKey{t, device, id}]; e != nil; e = e.previous {
		if d := e.Created - created; d <= clockSlack && d >= -clockSlack {
			return e.Process, true
		}
	}
	return Process{}, false
}

// End notes when the process with that GUID, else the one that ran under id then, ended. It stays known for events that arrive late.
func (c *ProcessCache) End(t tenant.ID, device, guid string, id, at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byGUID[guidKey{t, device, guid}]
	if guid == "" || e == nil {
		for e = c.byID[idKey{t, device, id}]; e != nil && e.Created > at+clockSlack; e = e.previous {
		}
	}
	if e != nil && e.Ended == 0 {
		e.Ended = at
	}
}

func (c *ProcessCache) pushFront(e *processEntry) {
	e.older, e.newer = c.newest, nil
	if c.newest != nil {
		c.newest.newer = e
	}
	c.newest = e
	if c.oldest == nil {
		c.oldest = e
	}
}

func (c *ProcessCache) unlink(e *processEntry) {
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		c.newest = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		c.oldest = e.newer
	}
	e.newer, e.older = nil, nil
}

func (c *ProcessCache) touch(e *processEntry) {
	if c.newest != e {
		c.unlink(e)
		c.pushFront(e)
	}
}

func (c *ProcessCache) remove(e *processEntry) {
	c.unlink(e)
	c.count--
	c.room += e.textSize()
	if e.previous != nil {
		e.previous.next = e.next
	}
	if e.next != nil {
		e.next.previous = e.previous
	} else {
		key := idKey{e.Tenant, e.Device, e.ID}
		if e.previous != nil {
			c.byID[key] = e.previous
		} else {
			delete(c.byID, key)
		}
	}
	if e.GUID != "" {
		key := guidKey{e.Tenant, e.Device, e.GUID}
		if c.byGUID[key] == e {
			delete(c.byGUID, key)
		}
	}
}
