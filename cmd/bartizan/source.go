package main

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/api"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/config"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/telemetry"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

func newSource() *cobra.Command {
	cmd := &cobra.Command{Use: "source", Short: "Look at sources, at who delivers, and at clocks that are wrong", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newSourceSenders(), newSourceClocks())
	return cmd
}

func newSourceSenders() *cobra.Command {
	var target targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "senders",
		Short: "List who delivers: tokens, connectors, syslog peers, osquery agents",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := struct {
				Senders []api.SenderView `json:"senders"`
			}{Senders: []api.SenderView{}}
			err := target.either(cmd.Context(), "source senders", func(c *client) error {
				return listAll(cmd.Context(), c, "/api/sources/senders", url.Values{}, func(page []api.SenderView) error {
					out.Senders = append(out.Senders, page...)
					return nil
				})
			}, func(d *desk) error {
				id := tenant.ID(target.tenant)
				all, err := ingest.NewTraffic(d.db, telemetry.Discard()).Senders(cmd.Context(), id)
				if err != nil {
					return err
				}
				quotas, err := d.access.TokenQuotas(cmd.Context(), id)
				for i := range all {
					out.Senders = append(out.Senders, api.ViewSender(&all[i], quotas))
				}
				return err
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, out, func(t *tabwriter.Writer) {
				fmt.Fprintln(t, "SENDER\tNAME\tFAMILIES\tSTATE\tRECORDS\tREFUSED\tBYTES\tPER MINUTE\tLAST SEEN\tQUOTA")
				for _, v := range out.Senders {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%.1f\t%s\t%s\n", v.ID, v.Name, strings.Join(v.Families, ", "), v.State, v.Records, v.Refused, v.Bytes, v.RatePerMinute, day(v.LastSeen), quotaText(v.Quota))
				}
			})
		},
	}
	target.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

func newSourceClocks() *cobra.Command {
	var target targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "clocks",
		Short: "List devices whose clock is wrong, the worst first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := struct {
				Clocks []api.ClockView `json:"clocks"`
			}{Clocks: []api.ClockView{}}
			err := target.either(cmd.Context(), "source clocks", func(c *client) error {
				return listAll(cmd.Context(), c, "/api/sources/clocks", url.Values{}, func(page []api.ClockView) error {
					out.Clocks = append(out.Clocks, page...)
					return nil
				})
			}, func(d *desk) error {
				all, err := ingest.NewTraffic(d.db, telemetry.Discard()).Clocks(cmd.Context(), tenant.ID(target.tenant))
				for i := range all {
					out.Clocks = append(out.Clocks, api.ViewClock(&all[i]))
				}
				return err
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, out, func(t *tabwriter.Writer) {
				fmt.Fprintln(t, "DEVICE\tFAMILY\tCLOCK\tMEASURED")
				for _, v := range out.Clocks {
					word := "ahead"
					if v.SkewSeconds < 0 {
						word = "behind"
					}
					fmt.Fprintf(t, "%s\t%s\t%s %s\t%s\n", v.Device, v.Family, time.Duration(max(v.SkewSeconds, -v.SkewSeconds)*float64(time.Second)).Round(time.Second), word, day(v.Measured))
				}
			})
		},
	}
	target.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

// quotaFlags are --quota-records and --quota-bytes.
type quotaFlags struct {
	records int64
	bytes   string
}

func (q *quotaFlags) add(cmd *cobra.Command) {
	cmd.Flags().Int64Var(&q.records, "quota-records", 0, "records that the token may deliver in a minute (0: no bound)")
	cmd.Flags().StringVar(&q.bytes, "quota-bytes", "0", "bytes that the token may deliver in a day, such as 20GB (0: no bound)")
}

func (q *quotaFlags) quota() (access.Quota, error) {
	out := access.Quota{RecordsPerMinute: q.records}
	if q.bytes == "" || q.bytes == "0" {
		return out, nil
	}
	var b config.Bytes
	if err := b.UnmarshalText([]byte(q.bytes)); err != nil {
		return out, usageError{fmt.Errorf("--quota-bytes: %w", err)}
	}
	if b > 1<<50 {
		return out, fault.Newf(fault.Invalid, "--quota-bytes %s is more than a token can be bound to", q.bytes)
	}
	out.BytesPerDay = int64(b)
	return out, nil
}

func quotaText(q *api.TokenQuota) string {
	if q == nil {
		return "-"
	}
	var parts []string
	if q.RecordsPerMinute > 0 {
		parts = append(parts, fmt.Sprintf("%d records/min", q.RecordsPerMinute))
	}
	if q.BytesPerDay > 0 {
		parts = append(parts, fmt.Sprintf("%d bytes/day", q.BytesPerDay))
	}
	return cmp.Or(strings.Join(parts, ", "), "-")
}

func newTokenQuota() *cobra.Command {
	var target targetFlags
	var quota quotaFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "quota ID",
		Short:   "Bound what a token delivers",
		Long:    "Quota bounds the records that a token delivers in a minute and the bytes that it delivers in a day of UTC. A flag that is left out takes its bound away.",
		Example: "  bartizan token quota 01J… --quota-records 60000 --quota-bytes 20GB",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := quota.quota()
			if err != nil {
				return err
			}
			err = target.either(cmd.Context(), "token quota", func(c *client) error {
				return c.call(cmd.Context(), http.MethodPut, "/api/tokens/"+url.PathEscape(args[0])+"/quota", q, nil)
			}, func(d *desk) error {
				return d.access.SetQuota(cmd.Context(), access.Console(), tenant.ID(target.tenant), args[0], q)
			})
			if err != nil {
				return err
			}
			view := api.TokenQuota{RecordsPerMinute: q.RecordsPerMinute, BytesPerDay: q.BytesPerDay}
			return show(cmd.OutOrStdout(), asJSON, view, func(t *tabwriter.Writer) { fmt.Fprintf(t, "token %s: %s\n", args[0], quotaText(&view)) })
		},
	}
	target.add(cmd)
	quota.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}
