package winlog

import "strings"

// hives lists the spellings of registry roots, lower case, longest first where one begins another, with the canonical root and the short one
// that rules use.
var hives = [...]struct{ prefix, long, short string }{
	{`\registry\machine\`, `HKEY_LOCAL_MACHINE\`, `HKLM\`},
	{`registry\machine\`, `HKEY_LOCAL_MACHINE\`, `HKLM\`},
	{`hkey_local_machine\`, `HKEY_LOCAL_MACHINE\`, `HKLM\`},
	{`hklm\`, `HKEY_LOCAL_MACHINE\`, `HKLM\`},
	{`\registry\user\`, `HKEY_USERS\`, `HKU\`},
	{`registry\user\`, `HKEY_USERS\`, `HKU\`},
	{`hkey_users\`, `HKEY_USERS\`, `HKU\`},
	{`hku\`, `HKEY_USERS\`, `HKU\`},
	{`hkey_current_user\`, `HKEY_CURRENT_USER\`, `HKCU\`},
	{`hkcu\`, `HKEY_CURRENT_USER\`, `HKCU\`},
	{`hkey_classes_root\`, `HKEY_LOCAL_MACHINE\SOFTWARE\Classes\`, `HKCR\`},
	{`hkcr\`, `HKEY_LOCAL_MACHINE\SOFTWARE\Classes\`, `HKCR\`},
}

// registryPath returns a registry path with its canonical root and CurrentControlSet for any control set, and the same with the short root.
// Paths with an unknown root come back as they are.
func registryPath(path string) (long, short string) {
	path = strings.TrimPrefix(path, `Computer\`)
	for _, h := range hives {
		if len(path) < len(h.prefix) || !strings.EqualFold(path[:len(h.prefix)], h.prefix) {
			continue
		}
		rest := foldControlSet(path[len(h.prefix):])
		return h.long + rest, h.short + rest
	}
	return path, path
}

// foldControlSet turns SYSTEM\ControlSet001\… into SYSTEM\CurrentControlSet\….
func foldControlSet(rest string) string {
	const system, set = `system\`, `controlset`
	if len(rest) < len(system)+len(set)+3 || !strings.EqualFold(rest[:len(system)], system) || !strings.EqualFold(rest[len(system):len(system)+len(set)], set) {
		return rest
	}
	i := len(system) + len(set)
	end := i + 3
	for _, c := range []byte(rest[i:end]) {
		if c < '0' || c > '9' {
			return rest
		}
	}
	if end < len(rest) && rest[end] != '\\' {
		return rest
	}
	return rest[:len(system)] + "CurrentControlSet" + rest[end:]
}

// splitValue cuts a path into key and value name.
func splitValue(path string) (key, value string) {
	if i := strings.LastIndexByte(path, '\\'); i > 0 {
		return path[:i], path[i+1:]
	}
	return path, ""
}
