package normalise

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// DeviceName is the form in which tables name a device: lower case, without the trailing dot of a rooted name; "" for "-" and nothing.
func DeviceName(host string) string {
	name := strings.ToLower(strings.TrimSuffix(strings.TrimSpace(host), "."))
	if name == "-" || len(name) > 255 {
		return ""
	}
	return name
}

// DeviceID is the stable id of a device: forty hexadecimal digits over tenant and device name.
func DeviceID(t tenant.ID, name string) string {
	if name == "" {
		return ""
	}
	sum := sha1.Sum([]byte(string(t) + "\x00" + name))
	return hex.EncodeToString(sum[:])
}
