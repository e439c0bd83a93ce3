package config

import (
	"slices"
	"strings"
	"time"
)

// The roles of a process. All stands for each of them.
const (
	All        = "all"
	RoleIngest = "ingest" // receivers: HTTP, syslog, osquery; onto the bus
	RoleDetect = "detect" // bus to lake: normalise, detect, correlate
	RolePortal = "portal" // API and portal
	RoleJobs   = "jobs"   // schedules and background work
)

// Roles lists the roles in the order of the way of a record.
func Roles() []string { return []string{RoleIngest, RoleDetect, RolePortal, RoleJobs} }

// Has reports whether the process has the role.
func (c *Config) Has(role string) bool {
	return slices.Contains(c.Roles, role) || slices.Contains(c.Roles, All)
}

// HasRoles lists what the process does, in order, each role once.
func (c *Config) HasRoles() []string {
	return slices.DeleteFunc(Roles(), func(r string) bool { return !c.Has(r) })
}

// OnlyHere says which parts are kept in this process's data folder, where no other process can reach them.
func (c *Config) OnlyHere() []string {
	var out []string
	if !strings.HasPrefix(c.State, "postgres://") && !strings.HasPrefix(c.State, "postgresql://") {
		out = append(out, "the state database (configure state: postgres://…)")
	}
	if c.Bus.URL == "" {
		out = append(out, "the bus (configure bus: nats://…)")
	}
	if c.Lake.URL == "" {
		out = append(out, "the lake (configure lake: clickhouse://…)")
	}
	return out
}

// shortestLease leaves time to renew a lease on a busy machine.
const shortestLease = time.Second

func (c *Config) checkRoles(bad func(name, format string, args ...any)) {
	c.Roles = splitList(strings.ToLower(strings.Join(c.Roles, ","))) // roles: ingest,jobs in the file is one text
	if len(c.Roles) == 0 {
		c.Roles = []string{All}
	}
	for _, r := range c.Roles {
		if r != All && !slices.Contains(Roles(), r) {
			bad("roles", "%q is not one of %s, %s", r, strings.Join(Roles(), ", "), All)
			return
		}
	}
	if have := c.HasRoles(); len(have) < len(Roles()) {
		if here := c.OnlyHere(); len(here) > 0 {
			bad("roles", "a process that does %s only shares its work with others, and they could not reach %s", strings.Join(have, " and "), strings.Join(here, ", "))
		}
	}
	if c.Bus.URL != "" && !strings.HasPrefix(c.Bus.URL, "nats://") && !strings.HasPrefix(c.Bus.URL, "tls://") {
		bad("bus.url", "it must begin with nats:// or tls://, or be empty for the bus in the data folder")
	}
	if c.Node.Lease > 0 && c.Node.Lease < shortestLease {
		bad("node.lease", "must be at least %s", shortestLease)
	}
}
