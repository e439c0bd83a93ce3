package entity

import "strings"

// Account is what a source tells about an account; any field may be empty.
type Account struct {
	Name, Domain, SID, UPN, ObjectID string
}

// clean folds case, splits DOMAIN\name and name@domain given as Name, and drops SIDs and names that say nothing.
func (a Account) clean() Account {
	fold := func(s string) string {
		s = strings.ToLower(strings.TrimSpace(s))
		if s == "-" || s == "n/a" || s == "null" || s == "(null)" || s == "unknown" || s == "not available" || s == "anonymous" {
			return ""
		}
		return s
	}
	a = Account{Name: fold(a.Name), Domain: fold(a.Domain), SID: fold(a.SID), UPN: fold(a.UPN), ObjectID: fold(a.ObjectID)}
	if d, n, ok := strings.Cut(a.Name, `\`); ok {
		if a.Domain == "" || d != "" {
			a.Domain = d
		}
		a.Name = n
	}
	if strings.HasPrefix(a.Name, "s-1-") && a.SID == "" {
		a.SID, a.Name = a.Name, ""
	}
	if MailAddress(a.Name) != "" && a.UPN == "" {
		a.UPN = MailAddress(a.Name)
		a.Name = ""
	}
	if MailAddress(a.UPN) == "" {
		a.UPN = ""
	}
	if !strings.HasPrefix(a.SID, "s-1-") || a.SID == "s-1-0-0" {
		a.SID = ""
	}
	if strings.Trim(a.ObjectID, "0-{}") == "" {
		a.ObjectID = ""
	}
	return a
}

// WellKnown reports accounts that every machine has (SYSTEM, LOCAL SERVICE, DWM-1, machine accounts): they are shown as evidence and join nothing.
func (a Account) WellKnown() bool {
	a = a.clean()
	return wellKnownSID(a.SID) || wellKnownName(a.Domain, a.Name)
}

func wellKnownSID(sid string) bool {
	switch sid {
	case "s-1-5-18", "s-1-5-19", "s-1-5-20", "s-1-5-7", "s-1-1-0", "s-1-5-11":
		return true
	}
	// service accounts (80), application pools (82), virtual machines (83), desktop window manager (90), font driver host (96)
	for _, p := range []string{"s-1-5-80-", "s-1-5-82-", "s-1-5-83-", "s-1-5-90-", "s-1-5-96-"} {
		if strings.HasPrefix(sid, p) {
			return true
		}
	}
	return false
}

func wellKnownName(domain, name string) bool {
	if strings.HasSuffix(name, "$") && len(name) > 1 {
		return true
	}
	switch domain {
	case "nt authority", "nt-autorität", "autorite nt", "window manager", "font driver host", "nt service", "iis apppool", "nt virtual machine":
		return true
	}
	switch name {
	case "system", "local service", "localservice", "network service", "networkservice", "anonymous logon", "everyone", "root", "daemon", "nobody", "www-data", "service", "none":
		return true
	}
	for _, p := range []string{"dwm-", "umfd-"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// label is how people write the account: DOMAIN\name, UPN, SID or object id, as told by the source and not folded.
func (a Account) label() string {
	switch {
	case a.UPN != "":
		return a.UPN
	case a.Name != "" && a.Domain != "" && !strings.ContainsAny(a.Name, `\@`):
		return a.Domain + `\` + a.Name
	case a.Name != "":
		return a.Name
	case a.SID != "":
		return a.SID
	}
	return a.ObjectID
}

// domainLabel is the first label of a domain, so that CORP and corp.example are one.
func domainLabel(domain string) string {
	l, _, _ := strings.Cut(domain, ".")
	return l
}

// maxSAMName is the longest account name that Windows takes beside a UPN.
const maxSAMName = 20

// identifier is one alias of an account. A weak one is a good guess that strong ones overrule.
type identifier struct {
	alias string
	weak  bool
}

// identifiers lists the aliases of the account, strongest first. Local accounts (the domain is the machine) are tied to the device. Guesses: a name without
// a domain is the domain account of that name seen on the same device; name@corp.example is CORP\name.
func (a Account) identifiers(device Key) []identifier {
	var out []identifier
	strong := func(alias string) { out = append(out, identifier{alias, false}) }
	guess := func(alias string) { out = append(out, identifier{alias, true}) }
	if a.ObjectID != "" {
		strong("oid:" + a.ObjectID)
	}
	if a.SID != "" && !sharedSID(a.SID) {
		strong("sid:" + a.SID)
	}
	if a.UPN != "" {
		strong("upn:" + a.UPN)
	}
	host := ShortHost(device.Value())
	switch d := domainLabel(a.Domain); {
	case a.Name == "":
		if local, domain, ok := strings.Cut(a.UPN, "@"); ok && len(local) <= maxSAMName && strings.Contains(domain, ".") {
			guess("sam:" + domainLabel(domain) + `\` + local)
		}
	case d == "" || d == "." || d == "workgroup":
		if device == "" {
			strong("name:" + a.Name)
		} else {
			strong("bare:" + host + `\` + a.Name)
		}
	case device != "" && d == host, d == "builtin":
		strong("local:" + host + `\` + a.Name)
	default:
		strong("sam:" + d + `\` + a.Name)
		if device != "" {
			guess("bare:" + host + `\` + a.Name)
		}
	}
	return out
}

// sharedSID reports SIDs that are the same on every machine (built-in groups and well-known principals).
func sharedSID(sid string) bool {
	return !strings.HasPrefix(sid, "s-1-5-21-") && !strings.HasPrefix(sid, "s-1-12-1-")
}
