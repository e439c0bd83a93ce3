package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/incident"
)

// newIncident is the command `bartizan incident`.
func newIncident() *cobra.Command {
	cmd := &cobra.Command{Use: "incident", Short: "List and show incidents", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newIncidentList(), newIncidentShow())
	return cmd
}

func newIncidentList() *cobra.Command {
	var t targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List incidents, the latest change first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := incidentsOf(cmd, t, asJSON)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]any{"incidents": fullIncidents(list)})
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tSEVERITY\tSTATUS\tALERTS\tLAST ACTIVITY\tNAME\tASSETS")
			for _, in := range list {
				fmt.Fprintf(w, "%d\t%s\t%s\t%d/%d\t%s\t%s\t%s\n", in.ID, in.Severity, in.Status, in.ActiveAlertCount, in.AlertCount, stamp(in.LastActivity), clip(in.Name, 90), assetNames(in.Devices, in.Users, in.Mailboxes))
			}
			return w.Flush()
		},
	}
	t.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

// fullIncident is an incident in `incident list --json`, where lists are there even when they are empty.
type fullIncident struct {
	incident.Incident
	AlertIDs []string        `json:"alertIds"`
	Joins    []incident.Join `json:"joins"`
}

func fullIncidents(list []incident.Incident) []fullIncident {
	out := make([]fullIncident, len(list))
	for i, in := range list {
		out[i] = fullIncident{in, append([]string{}, in.AlertIDs...), append([]incident.Join{}, in.Joins...)}
	}
	return out
}

// incidentsOf reads all incidents, with alert ids and joins when they are to be printed as JSON.
func incidentsOf(cmd *cobra.Command, t targetFlags, full bool) ([]incident.Incident, error) {
	list := []incident.Incident{}
	if t.server == "" {
		n, err := openNode(cmd.Context(), t, "incident")
		if err != nil {
			return nil, err
		}
		defer n.Close()
		id, err := n.tenant(cmd.Context(), t.tenant)
		if err != nil {
			return nil, err
		}
		p, err := n.incidents.Incidents(cmd.Context(), id, incident.Query{Full: full})
		return append(list, p.Value...), err
	}
	c, err := t.client()
	if err != nil {
		return nil, err
	}
	err = listAll(cmd.Context(), c, "/api/incidents", url.Values{}, func(page []incident.Incident) error {
		for _, in := range page {
			if full {
				if err := c.call(cmd.Context(), http.MethodGet, "/api/incidents/"+strconv.FormatInt(in.ID, 10), nil, &in); err != nil {
					return err
				}
			}
			list = append(list, in)
		}
		return nil
	})
	return list, err
}

func newIncidentShow() *cobra.Command {
	var t targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one incident with its alerts and why they were joined",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := strconv.ParseInt(strings.TrimPrefix(args[0], "#"), 10, 64)
			if err != nil {
				return usageError{fmt.Errorf("%q is not the number of an incident", args[0])}
			}
			in, alerts, err := incidentOf(cmd, t, number)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), in)
			}
			printIncident(cmd.OutOrStdout(), in, alerts)
			return nil
		},
	}
	t.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

func incidentOf(cmd *cobra.Command, t targetFlags, number int64) (*incident.Incident, []incident.Alert, error) {
	if t.server == "" {
		n, err := openNode(cmd.Context(), t, "incident")
		if err != nil {
			return nil, nil, err
		}
		defer n.Close()
		id, err := n.tenant(cmd.Context(), t.tenant)
		if err != nil {
			return nil, nil, err
		}
		in, err := n.incidents.Incident(cmd.Context(), id, number)
		if err != nil {
			return nil, nil, err
		}
		p, err := n.incidents.Alerts(cmd.Context(), id, incident.Query{IncidentID: in.ID, OrderBy: "firstActivity:asc"})
		return in, p.Value, err
	}
	c, err := t.client()
	if err != nil {
		return nil, nil, err
	}
	in := new(incident.Incident)
	path := "/api/incidents/" + strconv.FormatInt(number, 10)
	if err := c.call(cmd.Context(), http.MethodGet, path, nil, in); err != nil {
		return nil, nil, err
	}
	var alerts []incident.Alert
	err = listAll(cmd.Context(), c, path+"/alerts", url.Values{}, func(page []incident.Alert) error {
		alerts = append(alerts, page...)
		return nil
	})
	return in, alerts, err
}

func printIncident(w io.Writer, in *incident.Incident, alerts []incident.Alert) {
	fmt.Fprintf(w, "Incident %d  %s\n%s  %s  %d alerts, %d active\n", in.ID, in.Name, in.Severity, in.Status, in.AlertCount, in.ActiveAlertCount)
	fmt.Fprintf(w, "%s to %s\n", stamp(in.FirstActivity), stamp(in.LastActivity))
	for _, line := range []struct{ name, text string }{
		{"Assigned to", in.AssignedTo},
		{"Tactics", strings.Join(in.Categories, ", ")},
		{"Techniques", strings.Join(in.Techniques, ", ")},
		{"Devices", assetNames(in.Devices)},
		{"Users", assetNames(in.Users)},
		{"Mailboxes", assetNames(in.Mailboxes)},
		{"Sources", strings.Join(in.ServiceSources, ", ")},
		{"Tags", strings.Join(append(in.Tags, in.SystemTags...), ", ")},
	} {
		if line.text != "" {
			fmt.Fprintf(w, "%-12s %s\n", line.name, line.text)
		}
	}
	section(w, "Alerts", len(alerts))
	for _, a := range alerts {
		fmt.Fprintf(w, "  %s  %-13s %s  %s  (%s)\n", stamp(a.FirstActivity), a.Severity, clip(a.Title, 80), assetNames(a.Devices, a.Users, a.Mailboxes), a.ID)
	}
	section(w, "Why they were joined", len(in.Joins))
	for i, j := range in.Joins {
		if i == 40 {
			fmt.Fprintf(w, "  … and %d more (--json shows all)\n", len(in.Joins)-i)
			break
		}
		fmt.Fprintf(w, "  %.1f  %s\n", j.Weight, j.Text)
	}
	section(w, "Comments", len(in.Comments))
	for _, c := range in.Comments {
		fmt.Fprintf(w, "  %s  %s: %s\n", stamp(c.CreatedTime), c.CreatedBy, c.Comment)
	}
}
