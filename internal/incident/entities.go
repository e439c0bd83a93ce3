package incident

import (
	"sort"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/entity"
	"github.com/bartizan-sec/bartizan/internal/incident/correlation"
)

// found is one entity of an alert: as evidence names it or derived from it (the owner of a mailbox, the host of a URL).
type found struct {
	key     entity.Key
	name    string
	role    Role
	derived bool // not shown as an asset of its own
	silent  bool // known to join nothing: SYSTEM, loopback, a system binary's hash
	public  bool
}

// sender is a kind of key for the address a mail claims to come from.
const sender entity.Kind = "sender"

// resolve sets the entity key of every piece of evidence and returns the distinct entities, devices first.
func resolve(r *entity.Resolver, evidence []Evidence) []found {
	var out []found
	at := map[entity.Key]int{}
	add := func(f found) {
		if f.key == "" {
			return
		}
		if i, ok := at[f.key]; ok {
			if out[i].derived && !f.derived {
				out[i].derived, out[i].role = false, f.role
			}
			return
		}
		at[f.key] = len(out)
		out = append(out, f)
	}
	var device entity.Key
	for i := range evidence {
		if e := &evidence[i]; strings.EqualFold(e.Type, "device") {
			k := r.Device(e.DeviceID, e.HostName)
			e.EntityKey = string(k)
			name := e.HostName
			if name == "" {
				name = e.DeviceID
			}
			add(found{key: k, name: name, role: e.role()})
			if device == "" {
				device = k
			}
		}
	}
	for i := range evidence {
		e := &evidence[i]
		if !strings.EqualFold(e.Type, "device") {
			e.resolve(r, device, add)
		}
	}
	return out
}

func (e *Evidence) role() Role {
	if len(e.Roles) > 0 {
		return e.Roles[0]
	}
	return ""
}

// here returns the device a piece of evidence names itself, else the alert's.
func (e *Evidence) here(r *entity.Resolver, device entity.Key) entity.Key {
	if e.DeviceID == "" && e.HostName == "" {
		return device
	}
	if k := r.Device(e.DeviceID, e.HostName); k != "" {
		return k
	}
	return device
}

func (e *Evidence) account() entity.Account {
	return entity.Account{Name: e.AccountName, Domain: e.AccountDomain, SID: e.AccountSID, UPN: e.AccountUPN, ObjectID: e.AccountID}
}

func (e *Evidence) resolve(r *entity.Resolver, device entity.Key, add func(found)) {
	role := e.role()
	primary := func(f found) {
		f.role = role
		e.EntityKey = string(f.key)
		add(f)
	}
	switch strings.ToLower(e.Type) {
	case "user":
		a := e.account()
		k := r.User(a, e.here(r, device))
		primary(found{key: k, name: a.Label(), silent: entity.WellKnown(k)})
	case "mailbox":
		if addr := entity.MailAddress(e.Mailbox); addr != "" {
			primary(found{key: entity.Make(entity.Mailbox, addr), name: addr})
			add(found{key: r.MailboxOwner(addr), name: addr, role: role, derived: true})
		}
	case "mailmessage", "message":
		id := e.NetworkMessageID
		if id == "" {
			id = e.InternetMessageID
		}
		name := e.Subject
		if name == "" {
			name = id
		}
		primary(found{key: entity.Make(entity.Message, id), name: name})
		if addr := entity.MailAddress(e.Recipient); addr != "" {
			add(found{key: entity.Make(entity.Mailbox, addr), name: addr, role: Attacked, derived: true})
			add(found{key: r.MailboxOwner(addr), name: addr, role: Attacked, derived: true})
		}
		if addr := entity.MailAddress(e.Sender); addr != "" {
			add(found{key: entity.Make(sender, addr), name: addr, role: Source, derived: true})
		}
	case "ip":
		c := entity.ClassOf(e.Address)
		primary(found{key: entity.IPKey(e.Address), name: e.Address, silent: c == entity.Local, public: c == entity.Public})
	case "url":
		primary(found{key: entity.URLKey(e.URL), name: e.URL})
		d := e.Domain
		if d == "" {
			add(found{key: entity.URLDomain(e.URL), name: entity.URLDomain(e.URL).Value(), derived: true})
		} else {
			add(found{key: entity.DomainKey(d), name: d, derived: true})
		}
	case "domain":
		primary(found{key: entity.DomainKey(e.Domain), name: e.Domain})
	case "file":
		primary(found{key: entity.FileKey(e.SHA256, e.SHA1, e.MD5), name: e.FileName, silent: systemFile(e.FolderPath)})
	case "process":
		e.process(r, device, add)
	case "cloudapp", "oauthapp", "app":
		name := e.Application
		if name == "" {
			name = e.Name
		}
		id := name
		if id == "" {
			id = e.ApplicationID
		}
		primary(found{key: entity.Make(entity.App, id), name: name, silent: true})
	case "registry":
		primary(found{key: entity.Make(entity.Registry, e.RegistryKey), name: e.RegistryKey, silent: true})
	default:
		primary(found{key: entity.Make(entity.Resource, e.Name), name: e.Name})
	}
}

// process ties an alert to its process, to the parent (so that children of one process meet), to its image file and to the account it runs as.
func (e *Evidence) process(r *entity.Resolver, device entity.Key, add func(found)) {
	here := e.here(r, device)
	created := ""
	if e.ProcessCreated != nil {
		created = e.ProcessCreated.UTC().Format("20060102T150405")
	}
	k := entity.ProcessKey(here, e.ProcessGUID, e.ProcessID, created)
	e.EntityKey = string(k)
	name := e.FileName
	if name == "" {
		name = e.CommandLine
	}
	add(found{key: k, name: name, role: e.role()})
	if !systemProcess(e.ParentFileName) {
		add(found{key: entity.ProcessKey(here, e.ParentProcessGUID, 0, ""), name: e.ParentFileName, role: Contextual, derived: true})
	}
	add(found{key: entity.FileKey(e.SHA256, e.SHA1, e.MD5), name: e.FileName, role: Contextual, derived: true, silent: e.FolderPath == "" || systemFile(e.FolderPath)})
	if a := e.account(); a != (entity.Account{}) {
		if u := r.User(a, here); u != "" {
			add(found{key: u, name: a.Label(), role: Contextual, derived: entity.WellKnown(u), silent: entity.WellKnown(u)})
		}
	}
}

// systemFile reports folders of operating systems and installed programs: their files are everywhere, so sharing one means nothing.
func systemFile(path string) bool {
	p := strings.ToLower(strings.ReplaceAll(path, `\`, "/"))
	if i := strings.Index(p, ":/"); i >= 0 {
		p = p[i+1:]
	}
	for _, dir := range []string{
		"/windows/", "/program files/", "/program files (x86)/", "/programdata/microsoft/", "/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/bin/", "/sbin/", "/lib/",
		"/system/", "/applications/",
	} {
		if strings.HasPrefix(p, dir) {
			return !strings.HasPrefix(p, "/windows/temp/") && !strings.HasPrefix(p, "/windows/tasks/")
		}
	}
	return false
}

// systemProcess reports parents under which everything on a machine runs; having one in common is no process tree.
func systemProcess(name string) bool {
	if i := strings.LastIndexAny(name, `\/`); i >= 0 {
		name = name[i+1:]
	}
	switch strings.ToLower(name) {
	case "services.exe", "svchost.exe", "explorer.exe", "wininit.exe", "winlogon.exe", "userinit.exe", "system", "smss.exe", "csrss.exe", "lsass.exe", "taskeng.exe", "taskhostw.exe",
		"systemd", "init", "launchd", "sshd", "cron", "crond":
		return true
	}
	return false
}

// joining turns entities into what the engine compares.
func joining(list []found) []correlation.Entity {
	out := make([]correlation.Entity, 0, len(list))
	for _, f := range list {
		if !f.silent {
			out = append(out, correlation.Entity{Key: string(f.key), Kind: string(f.key.Kind()), Name: f.name, Role: string(f.role), Public: f.public})
		}
	}
	return out
}

// foldKey derives what repeats are folded by when the detector gave nothing: the assets concerned, without them the addresses or apps.
func foldKey(list []found) string {
	var assets, others []string
	for _, f := range list {
		switch f.key.Kind() {
		case entity.Device, entity.Mailbox:
			if !f.derived {
				assets = append(assets, string(f.key))
			}
		case entity.User:
			if !f.derived && !f.silent {
				assets = append(assets, string(f.key))
			}
		case entity.IP, entity.App, entity.Domain, entity.File, entity.Resource:
			others = append(others, string(f.key))
		}
	}
	if len(assets) == 0 {
		assets = others
	}
	sort.Strings(assets)
	return cut(strings.Join(assets, "|"), maxFoldKey)
}

// assets lists the entities of a kind as references, with the longest name known.
func assets(list []found, kind entity.Kind) []EntityRef {
	out := []EntityRef{}
	for _, f := range list {
		if f.key.Kind() == kind && !(f.derived && kind == entity.User) && !(f.silent && kind == entity.User) {
			out = append(out, EntityRef{Key: string(f.key), Name: f.name})
		}
	}
	return out
}
