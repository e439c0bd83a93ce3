package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/api"
	"github.com/bartizan-sec/bartizan/internal/detect"
	"github.com/bartizan-sec/bartizan/internal/detect/sigma"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// newRule is the command `bartizan rule`.
func newRule() *cobra.Command {
	cmd := &cobra.Command{Use: "rule", Short: "Import, list, show and test detection rules", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newRuleImport(), newRuleList(), newRuleShow(), newRuleSwitch("enable", true), newRuleSwitch("disable", false), newRuleTest())
	return cmd
}

// withRules opens the data folder's rules, runs fn and closes the folder.
func withRules(ctx context.Context, t targetFlags, program string, fn func(id tenant.ID, rules *detect.Service) error) error {
	n, err := openNode(ctx, t, program)
	if err != nil {
		return err
	}
	defer n.Close()
	id, err := n.tenant(ctx, t.tenant)
	if err != nil {
		return err
	}
	return fn(id, n.rules)
}

func newRuleImport() *cobra.Command {
	var t targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "import DIR",
		Short: "Import every Sigma and KQL rule below a folder",
		Long: `Import reads every .yml file below DIR. Importing the same folder again changes nothing but what changed in it, and leaves alone what a person switched.

Rules that are deprecated or unsupported, by status or folder, are off at first. Threat-hunting and placeholder rules are on with severity Low at most.
Otherwise critical and high become High, medium Medium, low Low and informational Informational. Rules that cannot run are kept, off, with the reason.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var report detect.Report
			var err error
			if t.server != "" {
				report, err = sendRules(cmd.Context(), t, args[0])
			} else {
				err = withRules(cmd.Context(), t, "rule import", func(id tenant.ID, rules *detect.Service) error {
					report, err = rules.Import(cmd.Context(), id, args[0])
					return err
				})
			}
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, report, func(w *tabwriter.Writer) {
				fmt.Fprintln(w, report)
				for i, issue := range report.Issues {
					if i == 20 {
						fmt.Fprintf(w, "… and %d more (--json lists them)\n", len(report.Issues)-i)
						break
					}
					fmt.Fprintf(w, "  %s\n", issue.Error())
				}
			})
		},
	}
	t.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

// maxSentRules bounds an import through a running server, which takes rules one by one.
const maxSentRules = 300

// sendRules adds the rules of a folder to a running server as rules of the organisation's own.
func sendRules(ctx context.Context, t targetFlags, dir string) (detect.Report, error) {
	report := detect.Report{IssueCount: map[string]int{}, Issues: []sigma.Issue{}}
	c, err := t.client()
	if err != nil {
		return report, err
	}
	var files []string
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if ext := strings.ToLower(filepath.Ext(path)); err == nil && d.Type().IsRegular() && (ext == ".yml" || ext == ".yaml") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return report, fault.Newf(fault.NotFound, "rules folder: %w", err)
	}
	if len(files) > maxSentRules {
		return report, fault.Newf(fault.TooLarge, "%d files are too many for a running server (at most %d): stop it and import with --data", len(files), maxSentRules)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return report, err
		}
		report.Files++
		err = c.call(ctx, http.MethodPost, "/api/rules", map[string]string{"text": string(text)}, nil)
		var bad *fault.Error
		switch {
		case err == nil:
			report.Rules++
			report.Added++
			report.Enabled++
		case errors.As(err, &bad) && bad.Code == fault.Conflict:
			report.Rules++
			report.Unchanged++
		case errors.As(err, &bad) && bad.Code == fault.Invalid:
			report.IssueCount[string(bad.Code)]++
			report.Issues = append(report.Issues, sigma.Issue{Code: string(bad.Code), Path: path, Message: bad.Message})
		default:
			return report, err
		}
	}
	return report, nil
}

// ruleRow is a rule in the list of the command line.
type ruleRow struct {
	ID         string   `json:"id"`
	Kind       string   `json:"kind"`
	Title      string   `json:"title"`
	Severity   string   `json:"severity"`
	Enabled    bool     `json:"enabled"`
	Origin     string   `json:"origin"`
	Status     string   `json:"status"`
	Logsource  string   `json:"logsource"`
	Techniques []string `json:"techniques"`
	Path       string   `json:"path,omitempty"`
	Issue      string   `json:"issue,omitempty"`
}

func newRuleList() *cobra.Command {
	var t targetFlags
	var q struct {
		kind, severity, origin []string
		enabled, search        string
	}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List rules by title",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := struct {
				Rules []ruleRow `json:"rules"`
			}{Rules: []ruleRow{}}
			query := detect.Query{Kinds: q.kind, Severities: q.severity, Origins: q.origin, Search: q.search}
			if q.enabled != "" {
				on, err := strconv.ParseBool(q.enabled)
				if err != nil {
					return usageError{fmt.Errorf("--enabled takes true or false, not %q", q.enabled)}
				}
				query.Enabled = &on
			}
			err := t.rules(cmd.Context(), query, &out.Rules)
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, out, func(w *tabwriter.Writer) {
				fmt.Fprintln(w, "SEVERITY\tON\tKIND\tORIGIN\tLOGSOURCE\tTITLE\tID")
				for _, r := range out.Rules {
					on := "on"
					switch {
					case r.Issue != "":
						on = "issue"
					case !r.Enabled:
						on = "off"
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Severity, on, r.Kind, r.Origin, r.Logsource, clip(r.Title, 80), r.ID)
				}
			})
		},
	}
	t.add(cmd)
	cmd.Flags().StringSliceVar(&q.kind, "kind", nil, "sigma or kql")
	cmd.Flags().StringSliceVar(&q.severity, "severity", nil, "Informational, Low, Medium, High")
	cmd.Flags().StringSliceVar(&q.origin, "origin", nil, "builtin, import, user")
	cmd.Flags().StringVar(&q.enabled, "enabled", "", "true or false")
	cmd.Flags().StringVar(&q.search, "search", "", "part of id, title, tag or path")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

// rules reads all rules that fit.
func (t *targetFlags) rules(ctx context.Context, q detect.Query, out *[]ruleRow) error {
	if t.server == "" {
		return withRules(ctx, *t, "rule list", func(id tenant.ID, rules *detect.Service) error {
			list, _, err := rules.List(ctx, id, q)
			for _, r := range list {
				*out = append(*out, ruleRow{
					ID: r.ID, Kind: string(r.Kind), Title: r.Title, Severity: string(r.Severity), Enabled: r.Enabled, Origin: string(r.Origin), Status: r.Status,
					Logsource: r.Logsource, Techniques: r.Techniques, Path: r.Path, Issue: r.Issue,
				})
			}
			return err
		})
	}
	c, err := t.client()
	if err != nil {
		return err
	}
	query := url.Values{"kind": q.Kinds, "severity": q.Severities, "origin": q.Origins}
	if q.Search != "" {
		query.Set("search", q.Search)
	}
	if q.Enabled != nil {
		query.Set("enabled", strconv.FormatBool(*q.Enabled))
	}
	return listAll(ctx, c, "/api/rules", query, func(page []api.RuleView) error {
		for _, r := range page {
			*out = append(*out, ruleRow{
				ID: r.ID, Kind: string(r.Kind), Title: r.Title, Severity: string(r.Severity), Enabled: r.Enabled, Origin: string(r.Origin), Status: r.Status,
				Logsource: r.Logsource, Techniques: r.Techniques, Path: r.Path, Issue: r.Error,
			})
		}
		return nil
	})
}

func newRuleShow() *cobra.Command {
	var t targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one rule with its text",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var v api.RuleView
			if t.server != "" {
				c, err := t.client()
				if err != nil {
					return err
				}
				if err := c.call(cmd.Context(), http.MethodGet, "/api/rules/"+url.PathEscape(args[0]), nil, &v); err != nil {
					return err
				}
			} else {
				err := withRules(cmd.Context(), t, "rule show", func(id tenant.ID, rules *detect.Service) error {
					r, err := rules.Get(cmd.Context(), id, args[0])
					if err == nil {
						v = api.RuleView{
							ID: r.ID, Kind: r.Kind, Title: r.Title, Description: r.Description, Severity: r.Severity, Level: r.Level, Enabled: r.Enabled, Category: r.Category,
							Techniques: r.Techniques, Tags: r.Tags, Origin: r.Origin, Status: r.Status, Author: r.Author, Logsource: r.Logsource, Path: r.Path, Text: r.Source,
							Error: r.Issue, LastRun: r.LastRun,
						}
					}
					return err
				})
				if err != nil {
					return err
				}
			}
			return show(cmd.OutOrStdout(), asJSON, v, func(w *tabwriter.Writer) {
				fmt.Fprintf(w, "%s\n%s rule %s, %s, severity %s, %s\n", v.Title, v.Kind, v.ID, v.Origin, v.Severity, map[bool]string{true: "enabled", false: "disabled"}[v.Enabled])
				if v.Error != "" {
					fmt.Fprintf(w, "cannot run: %s\n", v.Error)
				}
				if v.LastRun != nil {
					fmt.Fprintf(w, "last run %s: %d rows, %d alerts %s\n", stamp(v.LastRun.Finished), v.LastRun.Rows, v.LastRun.Detections, v.LastRun.Error)
				}
				fmt.Fprintf(w, "\n%s", v.Text)
			})
		},
	}
	t.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

func newRuleSwitch(name string, on bool) *cobra.Command {
	var t targetFlags
	cmd := &cobra.Command{
		Use:   name + " ID...",
		Short: map[bool]string{true: "Switch rules on", false: "Switch rules off"}[on],
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			sort.Strings(args)
			if t.server != "" {
				c, err := t.client()
				for _, id := range args {
					if err == nil {
						err = c.call(cmd.Context(), http.MethodPatch, "/api/rules/"+url.PathEscape(id), map[string]bool{"enabled": on}, nil)
					}
				}
				return err
			}
			return withRules(cmd.Context(), t, "rule "+name, func(id tenant.ID, rules *detect.Service) error {
				for _, rule := range args {
					if err := rules.SetEnabled(cmd.Context(), id, rule, on); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	t.add(cmd)
	return cmd
}
