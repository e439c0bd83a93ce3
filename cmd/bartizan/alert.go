package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/incident"
)

// newAlert is the command `bartizan alert`.
func newAlert() *cobra.Command {
	cmd := &cobra.Command{Use: "alert", Short: "List and show alerts", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newAlertList(), newAlertShow(), newAlertHits())
	return cmd
}

func newAlertList() *cobra.Command {
	var t targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List alerts, the latest activity first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := alertsOf(cmd, t, asJSON)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]any{"alerts": fullAlerts(list)})
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "LAST ACTIVITY\tSEVERITY\tSTATUS\tHITS\tINCIDENT\tTITLE\tASSETS\tID")
			for _, a := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\n", stamp(a.LastActivity), a.Severity, a.Status, a.HitCount, a.IncidentID, clip(a.Title, 70), assetNames(a.Devices, a.Users, a.Mailboxes), a.ID)
			}
			return w.Flush()
		},
	}
	t.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

// fullAlert is an alert in `alert list --json`, where lists are there even when they are empty.
type fullAlert struct {
	incident.Alert
	Evidence []incident.Evidence  `json:"evidence"`
	Hits     []incident.HitRecord `json:"hits"`
}

func fullAlerts(list []incident.Alert) []fullAlert {
	out := make([]fullAlert, len(list))
	for i, a := range list {
		out[i] = fullAlert{a, append([]incident.Evidence{}, a.Evidence...), append([]incident.HitRecord{}, a.Hits...)}
	}
	return out
}

// alertsOf reads all alerts, in full when they are to be printed as JSON.
func alertsOf(cmd *cobra.Command, t targetFlags, full bool) ([]incident.Alert, error) {
	list := []incident.Alert{}
	if t.server == "" {
		n, err := openNode(cmd.Context(), t, "alert")
		if err != nil {
			return nil, err
		}
		defer n.Close()
		id, err := n.tenant(cmd.Context(), t.tenant)
		if err != nil {
			return nil, err
		}
		p, err := n.incidents.Alerts(cmd.Context(), id, incident.Query{Full: full})
		return append(list, p.Value...), err
	}
	c, err := t.client()
	if err != nil {
		return nil, err
	}
	err = listAll(cmd.Context(), c, "/api/alerts", url.Values{}, func(page []incident.Alert) error {
		for _, a := range page {
			if full {
				if err := c.call(cmd.Context(), http.MethodGet, "/api/alerts/"+url.PathEscape(a.ID), nil, &a); err != nil {
					return err
				}
			}
			list = append(list, a)
		}
		return nil
	})
	return list, err
}

func newAlertShow() *cobra.Command {
	var t targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one alert with evidence, matched fields and why it was joined",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := alertOf(cmd, t, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), a)
			}
			printAlert(cmd.OutOrStdout(), a)
			return nil
		},
	}
	t.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

func alertOf(cmd *cobra.Command, t targetFlags, alert string) (*incident.Alert, error) {
	if t.server != "" {
		c, err := t.client()
		if err != nil {
			return nil, err
		}
		a := new(incident.Alert)
		return a, c.call(cmd.Context(), http.MethodGet, "/api/alerts/"+url.PathEscape(alert), nil, a)
	}
	n, err := openNode(cmd.Context(), t, "alert")
	if err != nil {
		return nil, err
	}
	defer n.Close()
	id, err := n.tenant(cmd.Context(), t.tenant)
	if err != nil {
		return nil, err
	}
	return n.incidents.Alert(cmd.Context(), id, alert)
}

func printAlert(w io.Writer, a *incident.Alert) {
	fmt.Fprintf(w, "%s\n%s  %s  %s  incident %d\n", a.Title, a.ID, a.Severity, a.Status, a.IncidentID)
	fmt.Fprintf(w, "%s  %s / %s  rule %s\n", a.Category, a.ServiceSource, a.DetectionSource, a.RuleID)
	fmt.Fprintf(w, "%s to %s  %d hits\n", stamp(a.FirstActivity), stamp(a.LastActivity), a.HitCount)
	if len(a.Techniques) > 0 {
		fmt.Fprintf(w, "Techniques  %s\n", strings.Join(a.Techniques, ", "))
	}
	if a.Description != "" {
		fmt.Fprintf(w, "\n%s\n", a.Description)
	}
	section(w, "Matched", len(a.Matched))
	for _, m := range a.Matched {
		fmt.Fprintf(w, "  %s = %s (%s)\n", m.Field, clip(m.Value, 200), m.Match)
	}
	section(w, "Evidence", len(a.Evidence))
	for i := range a.Evidence {
		fmt.Fprintf(w, "  %-12s %s\n", a.Evidence[i].Type, clip(describe(&a.Evidence[i]), 200))
	}
	section(w, "Joined", len(a.Joins))
	for _, j := range a.Joins {
		other := j.ToAlertID
		if other == a.ID {
			other = j.AlertID
		}
		fmt.Fprintf(w, "  %.1f  %s  (%s)\n", j.Weight, j.Text, other)
	}
	section(w, "Hits", len(a.Hits))
	for i, h := range a.Hits {
		if i == 10 {
			fmt.Fprintf(w, "  … bartizan alert hits %s lists all\n", a.ID)
			break
		}
		fmt.Fprintf(w, "  %s  %s %s\n", stamp(h.Time), h.File, hitPlace(h))
	}
}

func hitPlace(h incident.HitRecord) string {
	if h.ExternalID != "" {
		return h.ExternalID
	}
	return fmt.Sprintf("record %d", h.Record)
}

func section(w io.Writer, title string, n int) {
	if n > 0 {
		fmt.Fprintf(w, "\n%s\n", title)
	}
}

// describe says what a piece of evidence is, in one line.
func describe(e *incident.Evidence) string {
	for _, s := range []string{e.CommandLine, e.FolderPath, e.FileName, e.URL, e.Domain, e.Address, e.Subject, e.Mailbox, e.RegistryKey, e.AccountUPN} {
		if s != "" {
			return s
		}
	}
	switch {
	case e.AccountName != "" && e.AccountDomain != "":
		return e.AccountDomain + `\` + e.AccountName
	case e.AccountName != "":
		return e.AccountName
	}
	for _, s := range []string{e.HostName, e.DeviceID, e.Application, e.Name, e.AccountSID, e.EntityKey} {
		if s != "" {
			return s
		}
	}
	return ""
}

func newAlertHits() *cobra.Command {
	var t targetFlags
	cmd := &cobra.Command{
		Use:   "hits [ALERT]",
		Short: "Write every raw hit of one or of all alerts as NDJSON",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if t.server != "" {
				return usageError{fmt.Errorf("hits reads a data folder: give --data")}
			}
			n, err := openNode(cmd.Context(), t, "alert")
			if err != nil {
				return err
			}
			defer n.Close()
			id, err := n.tenant(cmd.Context(), t.tenant)
			if err != nil {
				return err
			}
			alert := ""
			if len(args) == 1 {
				alert = args[0]
			}
			w := bufio.NewWriterSize(cmd.OutOrStdout(), 1<<16)
			enc := json.NewEncoder(w)
			enc.SetEscapeHTML(false)
			if err := n.incidents.Hits(cmd.Context(), id, alert, func(h incident.HitRecord) error { return enc.Encode(h) }); err != nil {
				return err
			}
			return w.Flush()
		},
	}
	t.add(cmd)
	return cmd
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// clip shortens text for a table and keeps it on one line.
func clip(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func assetNames(lists ...[]incident.EntityRef) string {
	var names []string
	for _, list := range lists {
		for _, r := range list {
			names = append(names, r.Name)
		}
	}
	if len(names) > 3 {
		names = append(names[:3], fmt.Sprintf("+%d", len(names)-3))
	}
	return clip(strings.Join(names, ", "), 60)
}
