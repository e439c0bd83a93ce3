package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/bus"
	"github.com/bartizan-sec/bartizan/internal/platform/config"
	"github.com/bartizan-sec/bartizan/internal/platform/datadir"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/secret"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	"github.com/bartizan-sec/bartizan/web"
)

// finding is the outcome of one check.
type finding struct {
	Check  string `json:"check"`
	State  string `json:"state"` // ok, warning, failed
	Detail string `json:"detail"`
	Advice string `json:"advice,omitempty"`
}

// doctorReport is the document of `doctor --json`.
type doctorReport struct {
	Version  versionReport `json:"version"`
	Data     string        `json:"data"`
	Healthy  bool          `json:"healthy"`
	Findings []finding     `json:"findings"`
}

func (r *doctorReport) add(check, detail, advice string, err error) bool {
	f := finding{Check: check, State: "ok", Detail: detail}
	if err != nil {
		f.State, f.Detail, f.Advice = "failed", err.Error(), advice
		r.Healthy = false
	}
	r.Findings = append(r.Findings, f)
	return err == nil
}

func (r *doctorReport) warn(check, detail, advice string) {
	r.Findings = append(r.Findings, finding{Check: check, State: "warning", Detail: detail, Advice: advice})
}

func newDoctor() *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check an installation: folder, lock, disk, databases, bus, lakes, audit log",
		Long:  "Doctor looks at everything a data folder holds and says what is wrong and what to do. While a server holds the folder it asks the server and leaves its files alone.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := examine(cmd.Context(), data)
			err := show(cmd.OutOrStdout(), asJSON, r, func(t *tabwriter.Writer) {
				fmt.Fprintf(t, "bartizan %s (%s, %s) on %s\n", r.Version.Version, r.Version.Go, r.Version.Platform, r.Data)
				for _, f := range r.Findings {
					fmt.Fprintf(t, "%s\t%s\t%s\n", f.State, f.Check, f.Detail)
					if f.Advice != "" {
						fmt.Fprintf(t, "\t\t-> %s\n", f.Advice)
					}
				}
			})
			if err == nil && !r.Healthy {
				return exitError(exitFailed)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", defaultData(), "data folder (default $BARTIZAN_DATA, else ./data)")
	cmd.Flags().Lookup("data").DefValue = ""
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

func examine(ctx context.Context, data string) *doctorReport {
	abs, err := filepath.Abs(data)
	if err != nil {
		abs = data
	}
	r := &doctorReport{Version: buildVersion(), Data: abs, Healthy: true}
	cfg, err := loadConfig()
	r.add("configuration", "environment and defaults are valid", "correct or remove the setting", err)
	if web.Portal() == nil {
		r.warn("portal", "the portal was not built into this binary", "build with make build")
	} else {
		r.add("portal", "built in", "", nil)
	}
	info, err := os.Stat(abs)
	if err != nil {
		r.warn("data folder", "it does not exist yet; the first start makes it", "")
		return r
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		r.warn("data folder", fmt.Sprintf("others on this machine may look into it (mode %04o)", mode), "chmod 700 "+abs)
	} else {
		r.add("data folder", "only its owner may look into it", "", nil)
	}
	r.disk(abs)
	holder, err := datadir.HeldBy(abs)
	if !r.add("lock", lockText(holder), "look at the permissions of the file lock", err) || cfg == nil {
		return r
	}
	if holder != nil {
		r.askServer(ctx, holder)
		return r
	}
	r.open(ctx, cfg, abs)
	return r
}

func lockText(h *datadir.Holder) string {
	if h == nil {
		return "nobody has the folder open"
	}
	return "held by " + h.String()
}

func (r *doctorReport) disk(path string) {
	free, total, err := datadir.Disk(path)
	detail := fmt.Sprintf("%s of %s are free", humanize.IBytes(free), humanize.IBytes(total))
	if err == nil && (free < 2<<30 || free < total/20) {
		r.warn("disk", detail, "make room, or lower the setting lake.retentionDays; receivers refuse records when the disk is full")
		return
	}
	r.add("disk", detail, "", err)
}

// askServer asks the process that has the folder, when it is a server, whether it is ready.
func (r *doctorReport) askServer(ctx context.Context, h *datadir.Holder) {
	url := h.Server()
	if url == "" {
		r.warn("databases", "not looked at while a command has the folder", "run doctor again when "+h.Program+" has ended")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		r.add("server", "", "", err)
		return
	}
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s/readyz answers %s", url, resp.Status)
		}
	}
	r.add("server", url+" is ready", "look at the server's log; GET /api/health names the part that is away", err)
	r.warn("databases", "not looked at while the server has them open", "GET /api/health shows them; stop the server to check them from here")
}

func (r *doctorReport) open(ctx context.Context, cfg *config.Config, data string) {
	n, err := openNodeWith(ctx, data, "doctor", nodeOptions{cfg: cfg})
	if !r.add("state database", "open, and its schema is up to date", "restore the last backup if the file is damaged", err) {
		return
	}
	defer n.Close()
	r.integrity(ctx, n)
	r.secrets(ctx, cfg, n)
	b, err := bus.Open(ctx, bus.Options{URL: cfg.Bus.URL, Dir: n.dir.Bus(), MaxBytes: uint64(cfg.Bus.MaxBytes)})
	if r.add("bus", "open", "with bus.url set: is the server there, and does it have JetStream?", err) {
		defer b.Close()
	}
	tenants, err := n.access.AllTenants(ctx)
	if !r.add("tenants", fmt.Sprintf("%d", len(tenants)), "", err) {
		return
	}
	for _, id := range tenants {
		r.tenant(ctx, n, b, id)
	}
}

// secrets tries whether the key opens what is sealed.
func (r *doctorReport) secrets(ctx context.Context, cfg *config.Config, n *node) {
	place := secretSource(cfg, n.dir.Layout)
	place.Make = false
	some, err := n.db.NewSelect().Table("secrets").Exists(ctx)
	if err == nil && !some {
		r.add("secrets", "none are kept", "", nil)
		return
	}
	if info, err := os.Stat(place.File); place.Key == "" && err == nil && info.Mode().Perm()&0o077 != 0 {
		r.warn("key of secrets", fmt.Sprintf("others on this machine may read %s (mode %04o)", place.File, info.Mode().Perm()), "chmod 600 "+place.File)
	}
	var done secret.Checked
	ring, opening := secret.OpenRing(place)
	if err = errors.Join(err, opening); err == nil {
		done, err = secret.New(n.db, ring).Check(ctx)
	}
	detail := ""
	if ring != nil {
		detail = fmt.Sprintf("%s opens %d of them; it is not part of backups, keep a copy", ring.Place(), done.Secrets)
	}
	r.add("secrets", detail, "put the key of that time back (secrets.key, secrets.key-file), or give the secrets of connectors again", err)
}

func (r *doctorReport) integrity(ctx context.Context, n *node) {
	if state.IsPostgres(n.stateLocation()) {
		var v string
		err := n.db.NewRaw("SHOW server_version").Scan(ctx, &v)
		r.add("state integrity", "PostgreSQL "+v, "", err)
		return
	}
	var lines []string
	err := n.db.NewRaw("PRAGMA quick_check(10)").Scan(ctx, &lines)
	if err == nil && (len(lines) != 1 || lines[0] != "ok") {
		err = fault.Newf(fault.Conflict, "the file is damaged: %v", lines)
	}
	r.add("state integrity", "SQLite finds no damage", "restore the last backup", err)
}

func (r *doctorReport) tenant(ctx context.Context, n *node, b *bus.Bus, id tenant.ID) {
	name := func(what string) string { return what + " of " + string(id) }
	lines, err := n.access.VerifyAudit(ctx, id)
	r.add(name("audit log"), fmt.Sprintf("%d lines, unbroken", lines), "somebody changed the state database past the program; compare with a backup", err)
	users, err := n.access.Users(ctx, access.Console(), id)
	administrators := 0
	for _, u := range users {
		for _, role := range u.Roles {
			if !u.Disabled && (role == access.GlobalAdministrator || role == access.SecurityAdministrator) {
				administrators++
				break
			}
		}
	}
	if err == nil && administrators == 0 && len(users) > 0 {
		r.warn(name("users"), "nobody who is enabled can administer the tenant", fmt.Sprintf("bartizan user add --tenant %s --role %s NAME", id, access.GlobalAdministrator))
	} else {
		r.add(name("users"), fmt.Sprintf("%d, of which %d administrators", len(users), administrators), "", err)
	}
	store, err := n.lakes.Open(ctx, id)
	if !r.add(name("lake"), "open", "restore the last backup if the file is damaged", err) {
		return
	}
	counts, err := store.Counts(ctx)
	var rows int64
	for _, c := range counts {
		rows += c
	}
	r.add(name("tables"), fmt.Sprintf("%d tables, %d of them with rows, %d rows", len(schema.Load().Tables()), len(counts), rows), "", err)
	position, err := store.Position(ctx, ingest.BusPosition)
	if b == nil || !r.add(name("position"), fmt.Sprintf("the lake has the bus up to message %d", position), "", err) {
		return
	}
	st, err := b.Status(ctx, id)
	if err == nil && st.First > uint64(position)+1 && st.Messages > 0 { //nolint:gosec // positions are not negative
		err = fault.Newf(fault.Conflict, "messages %d to %d are neither in the lake nor on the bus", position+1, st.First-1)
	}
	if err == nil && st.Last < uint64(position) { //nolint:gosec // as above
		err = fault.Newf(fault.Conflict, "the lake has message %d, but the bus ends at %d: new records would be taken for old ones", position, st.Last)
	}
	r.add(name("bus"), fmt.Sprintf("%d messages, %s, %d not yet in the lake", st.Messages, humanize.IBytes(st.Bytes), max(0, int64(st.Last)-position)), //nolint:gosec // far below 2^63
		"lake and bus do not belong together; restore both from one backup", err)
}
