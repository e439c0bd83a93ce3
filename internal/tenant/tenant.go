// Package tenant names the organisation that every stored row, lake handle and bus subject belongs to.
package tenant

import (
	"regexp"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// ID identifies a tenant: lower-case letters, digits and dashes, 1 to 63 characters. The zero value is not a tenant.
type ID string

// Default is the tenant of a fresh installation.
const Default ID = "default"

var shape = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Parse checks s and returns it as an ID, or an error with code fault.Invalid.
func Parse(s string) (ID, error) {
	if !shape.MatchString(s) {
		return "", fault.Newf(fault.Invalid, "tenant %q is not a valid name: use lower-case letters, digits and dashes, at most 63", s)
	}
	return ID(s), nil
}

func (id ID) String() string { return string(id) }
