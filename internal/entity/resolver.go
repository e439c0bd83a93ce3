package entity

import (
	"sort"
	"strings"
)

// Resolver turns names into canonical keys and learns aliases as it goes: evidence that shows a SID beside a UPN ties the two together for good.
// The first key given to a thing stays its key; when two keys turn out to be one thing, the younger redirects to the older and Rekeyed tells.
// It is not safe for concurrent use: each tenant has one, under the tenant's lock.
type Resolver struct {
	alias   map[string]Key // "sid:s-1-5-21-…", "host:pc-7.corp.example" -> key
	to      map[Key]Key    // redirects of keys that were found to be the same
	changed map[string]Key
	rekeyed map[Key]Key
	names   map[Key]string // host:FQDN known for a device, to tell pc-7.a.example from pc-7.b.example
	proof   map[Key]string // sid:SID known for an account
}

// NewResolver starts from the aliases that were stored; an alias "key:OLD" is a redirect.
func NewResolver(known map[string]Key) *Resolver {
	r := &Resolver{alias: make(map[string]Key, len(known)), to: map[Key]Key{}, changed: map[string]Key{}, rekeyed: map[Key]Key{}, names: map[Key]string{}, proof: map[Key]string{}}
	for a, k := range known {
		if old, ok := strings.CutPrefix(a, "key:"); ok {
			r.to[Key(old)] = k
			continue
		}
		r.alias[a] = k
	}
	hosts := make([]string, 0, len(r.alias))
	for a := range r.alias {
		if strings.HasPrefix(a, "host:") && strings.Contains(a, ".") {
			hosts = append(hosts, a)
		}
	}
	sort.Strings(hosts)
	for a, k := range r.alias {
		r.prove(a, r.follow(k))
	}
	for _, a := range hosts {
		r.names[r.follow(r.alias[a])] = a
	}
	return r
}

// Changes returns the aliases learned since the last call, to be stored, and the keys that now redirect to another.
func (r *Resolver) Changes() (aliases map[string]Key, rekeyed map[Key]Key) {
	aliases, rekeyed = r.changed, r.rekeyed
	for old, k := range rekeyed {
		aliases["key:"+string(old)] = k
	}
	r.changed, r.rekeyed = map[string]Key{}, map[Key]Key{}
	return aliases, rekeyed
}

// Canonical follows redirects of a key.
func (r *Resolver) Canonical(k Key) Key { return r.follow(k) }

func (r *Resolver) follow(k Key) Key {
	for range 32 {
		next, ok := r.to[k]
		if !ok || next == k {
			return k
		}
		k = next
	}
	return k
}

func (r *Resolver) set(alias string, k Key) {
	if r.alias[alias] != k {
		r.alias[alias] = k
		r.changed[alias] = k
	}
}

// Device resolves a device by id and host name. A short name meets the FQDN that was seen first for it; another FQDN with the same first label is another device.
func (r *Resolver) Device(id, host string) Key {
	id, host = strings.ToLower(strings.TrimSpace(id)), HostName(host)
	if id == host {
		id = ""
	}
	byID, byHost := r.find("device:"+id, id != ""), r.findHost(host)
	switch {
	case byID != "" && byHost != "" && byID != byHost:
		// One id has one name at a time; a name that moves to a new id is a reinstalled machine and stays one device for the analyst.
		if a, b := r.names[byID], r.names[byHost]; a == "" || b == "" || a == b {
			byID = r.unite(byID, byHost)
		}
		return byID
	case byID != "":
		if named := Make(Device, host); named != "" && rank(byID) == 4 {
			byID = r.unite(byID, named) // its name became known
		}
		r.learnHost(host, byID)
		return byID
	case byHost != "":
		r.learnHost(host, byHost)
		if id != "" {
			r.set("device:"+id, byHost)
		}
		return byHost
	}
	k := Make(Device, host)
	if k == "" {
		k = Make(Device, id)
	}
	if k == "" {
		return ""
	}
	if id != "" {
		r.set("device:"+id, k)
	}
	r.learnHost(host, k)
	return k
}

func (r *Resolver) find(alias string, ok bool) Key {
	if !ok {
		return ""
	}
	if k, found := r.alias[alias]; found {
		return r.follow(k)
	}
	return ""
}

func (r *Resolver) findHost(host string) Key {
	if host == "" {
		return ""
	}
	if k := r.find("host:"+host, true); k != "" {
		return k
	}
	if k := r.find("host:"+ShortHost(host), true); k != "" {
		if known := r.names[k]; known == "" || !strings.Contains(host, ".") || known == "host:"+host {
			return k
		}
	}
	return ""
}

func (r *Resolver) learnHost(host string, k Key) {
	if host == "" {
		return
	}
	if strings.Contains(host, ".") {
		if known := r.names[k]; known == "" {
			r.names[k] = "host:" + host
		}
		r.set("host:"+host, k)
	}
	if _, taken := r.alias["host:"+ShortHost(host)]; !taken {
		r.set("host:"+ShortHost(host), k)
	}
}

// User resolves an account seen on device ("" when there is none). A bare name without a domain meets the one known account of that name, else stays local to the device.
func (r *Resolver) User(a Account, device Key) Key {
	a = a.clean()
	if wellKnownSID(a.SID) || wellKnownName(a.Domain, a.Name) {
		name := a.Name
		if name == "" {
			name = a.SID
		}
		return Make(User, "well-known/"+name)
	}
	ids := a.identifiers(device)
	if len(ids) == 0 {
		return ""
	}
	var k Key
	for _, id := range ids {
		found := r.find(id.alias, true)
		switch {
		case found == "", id.weak && r.guessWrong(id.alias, k, found):
		case k == "":
			k = found
		case k != found && !(strings.HasPrefix(id.alias, "name:") && len(ids) > 1):
			k = r.unite(k, found)
		}
	}
	if named := Make(User, userValue(a, ids)); k == "" {
		k = named
	} else if rank(named) < rank(k) && r.follow(named) == named {
		k = r.unite(k, named) // a readable name became known
	}
	for _, id := range ids {
		if _, taken := r.alias[id.alias]; !taken {
			r.set(id.alias, k)
		}
		r.prove(id.alias, k)
	}
	return k
}

// prove remembers the security identifier that makes a key one certain account.
func (r *Resolver) prove(alias string, k Key) {
	if strings.HasPrefix(alias, "sid:") && r.proof[k] == "" {
		r.proof[k] = alias
	}
}

// guessWrong reports that a guess leads to somebody else: to an account with another SID, or from a domain account to the machine's own, or another domain's,
// of that name.
func (r *Resolver) guessWrong(alias string, k, found Key) bool {
	if p, q := r.proof[k], r.proof[found]; p != "" && q != "" && p != q {
		return true
	}
	name, bare := strings.CutPrefix(alias, "bare:")
	return bare && (found != Make(User, name) || r.find("local:"+name, true) == found)
}

// userValue is the most readable of a person's identifiers: UPN, DOMAIN\name, then SID and object id.
func userValue(a Account, ids []identifier) string {
	if a.UPN != "" {
		return a.UPN
	}
	last := ""
	for _, id := range ids {
		if !id.weak {
			last = id.alias
		}
	}
	_, v, _ := strings.Cut(last, ":")
	return v
}

// MailboxOwner returns the person whose UPN is the mailbox's address.
func (r *Resolver) MailboxOwner(address string) Key {
	address = MailAddress(address)
	if address == "" {
		return ""
	}
	return r.User(Account{UPN: address}, "")
}

// unite makes two keys one thing: the smaller key in text order that is not an opaque id stays.
func (r *Resolver) unite(a, b Key) Key {
	a, b = r.follow(a), r.follow(b)
	if a == b {
		return a
	}
	keep, drop := a, b
	if better(b, a) {
		keep, drop = b, a
	}
	r.to[drop] = keep
	r.rekeyed[drop] = keep
	if n := r.names[drop]; n != "" && r.names[keep] == "" {
		r.names[keep] = n
	}
	if p := r.proof[drop]; p != "" && r.proof[keep] == "" {
		r.proof[keep] = p
	}
	return keep
}

// better prefers readable keys, then the shorter, then text order, so that the outcome is the same in any order.
func better(a, b Key) bool {
	if ra, rb := rank(a), rank(b); ra != rb {
		return ra < rb
	}
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// rank is lower the better people can read a key: addresses, DOMAIN\name and FQDN, bare names, SIDs, object and device ids.
func rank(k Key) int {
	v := k.Value()
	switch {
	case strings.HasPrefix(v, "s-1-"):
		return 3
	case strings.Count(v, "-") == 4 && len(v) == 36, k.Kind() == Device && len(v) == 40 && isHex(v):
		return 4
	case strings.Contains(v, "@"):
		return 0
	case strings.Contains(v, `\`), strings.Contains(v, "."):
		return 1
	}
	return 2
}

// WellKnown reports keys of accounts that join nothing.
func WellKnown(k Key) bool { return k.Kind() == User && strings.HasPrefix(k.Value(), "well-known/") }

// Label returns how people write the account.
func (a Account) Label() string { return a.label() }
