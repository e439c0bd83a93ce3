package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/api"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/lake/care"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

func newLake() *cobra.Command {
	cmd := &cobra.Command{Use: "lake", Short: "Look after the event lake: sizes, retention, compaction, export", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newLakeTables(), newLakeRetention(), newLakeCompact(), newLakeExport())
	return cmd
}

// withCare opens the data folder's lakes and runs fn for the tenant.
func (t *targetFlags) withCare(ctx context.Context, program string, fn func(c *care.Service, id tenant.ID) error) error {
	n, err := openNode(ctx, *t, program)
	if err != nil {
		return err
	}
	defer n.Close()
	id, err := n.tenant(ctx, t.tenant)
	if err != nil {
		return err
	}
	return fn(n.care(), id)
}

func newLakeTables() *cobra.Command {
	var target targetFlags
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "tables",
		Short: "Show how large the tables are, how far they reach and what they keep",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var view api.LakeView
			var err error
			if target.server != "" {
				var c *client
				if c, err = target.client(); err == nil {
					err = c.call(cmd.Context(), http.MethodGet, "/api/lake/tables", nil, &view)
				}
			} else {
				err = target.withCare(cmd.Context(), "lake tables", func(c *care.Service, id tenant.ID) error {
					report, err := c.Report(cmd.Context(), id)
					if err == nil {
						view = api.ViewLake(report, nil)
					}
					return err
				})
			}
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, view, func(t *tabwriter.Writer) { printLake(t, view, all) })
		},
	}
	target.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	cmd.Flags().BoolVar(&all, "all", false, "show tables without rows, too")
	return cmd
}

func printLake(t *tabwriter.Writer, view api.LakeView, all bool) {
	fmt.Fprintln(t, "TABLE\tROWS\tSIZE\tOLDEST\tNEWEST\tLAST ARRIVED\tKEEPS")
	for _, v := range view.Value {
		if v.Rows == 0 && !all && v.RetentionFrom == "default" {
			continue
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", v.Table, v.Rows, size(v.Bytes), day(v.Oldest), day(v.Newest), day(v.LastIngest), keeps(v))
	}
	x := view.Total
	fmt.Fprintf(t, "total\t%d\t%s\t\t\t\t\n", x.Rows, size(x.Bytes))
	fmt.Fprintf(t, "\n%s takes %s on disk, of which %s hold nothing\n", x.Engine, size(x.FileBytes), size(x.FreeBytes))
	if x.Worth != "" {
		fmt.Fprintf(t, "a compaction is worth while: %s\n", x.Worth)
	}
}

func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

func keeps(v api.LakeTable) string {
	out := "all"
	if v.RetentionDays > 0 {
		out = fmt.Sprintf("%d days", v.RetentionDays)
	}
	if v.RetentionBytes != nil {
		out += ", " + size(*v.RetentionBytes)
	}
	if v.RetentionFrom == "table" {
		out += " (own)"
	}
	return out
}

func newLakeRetention() *cobra.Command {
	var target targetFlags
	var days int64
	var bytes string
	var reset, asJSON bool
	cmd := &cobra.Command{
		Use:   "retention TABLE",
		Short: "Bound what a table keeps, by age and size",
		Long: `Retention sets how long rows of TABLE are kept and how much of the disk they may take; what is oldest goes first. Rows go when they happened and arrived before
that time, so old logs that were imported today stay. With --reset the tenant's default (the setting lake.retentionDays) counts again.`,
		Example: "  bartizan lake retention DeviceImageLoadEvents --days 30 --bytes 20GiB\n  bartizan lake retention DeviceImageLoadEvents --reset",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			rule := care.Rule{Days: days}
			if bytes != "" {
				n, err := humanize.ParseBytes(bytes)
				if err != nil || n > 1<<62 {
					return usageError{fmt.Errorf("--bytes %q is not a size such as 20GiB", bytes)}
				}
				rule.Bytes = int64(n)
			}
			if reset == (rule != care.Rule{}) {
				return usageError{errors.New("give --days, --bytes or both, or else --reset")}
			}
			err := setRetention(cmd.Context(), target, args[0], rule, reset)
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, map[string]any{"table": args[0], "days": rule.Days, "bytes": rule.Bytes, "reset": reset}, func(t *tabwriter.Writer) {
				if reset {
					fmt.Fprintf(t, "%s keeps rows by the tenant's default\n", args[0])
					return
				}
				fmt.Fprintf(t, "%s is bounded; what is too old or too much goes within the hour\n", args[0])
			})
		},
	}
	target.add(cmd)
	cmd.Flags().Int64Var(&days, "days", 0, "days that rows are kept, 1 to 3650 (default: the tenant's)")
	cmd.Flags().StringVar(&bytes, "bytes", "", "most bytes on disk, such as 20GiB (default: no bound)")
	cmd.Flags().BoolVar(&reset, "reset", false, "go back to the tenant's default")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

func setRetention(ctx context.Context, target targetFlags, table string, rule care.Rule, reset bool) error {
	if target.server == "" {
		return target.withCare(ctx, "lake retention", func(c *care.Service, id tenant.ID) error {
			if reset {
				return c.ResetRule(ctx, id, table)
			}
			return c.SetRule(ctx, id, "command line", table, rule)
		})
	}
	c, err := target.client()
	if err != nil {
		return err
	}
	path := "/api/lake/tables/" + url.PathEscape(table) + "/retention"
	if reset {
		return c.call(ctx, http.MethodDelete, path, nil, nil)
	}
	return c.call(ctx, http.MethodPut, path, map[string]any{"days": rule.Days, "bytes": rule.Bytes}, nil)
}

func newLakeCompact() *cobra.Command {
	var target targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "compact",
		Short: "Write the lake anew, so that it takes as little room as it can",
		Long: `Compact brings the lake's rows in order of time, fills what is half empty and gives back the room of what was deleted. On a server (--server) it runs in the
background while records arrive and people hunt; the command waits for its end. It takes about as much free disk as the lake will have.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			var done api.LakeCompaction
			var err error
			if target.server != "" {
				done, err = compactOnServer(ctx, target, cmd.ErrOrStderr())
			} else {
				err = target.withCare(ctx, "lake compact", func(c *care.Service, id tenant.ID) error {
					x, err := c.Compact(ctx, id)
					done = api.ViewCompaction(x)
					return err
				})
			}
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, done, func(t *tabwriter.Writer) {
				fmt.Fprintf(t, "compacted: %s before, %s now, %d rows\n", size(done.Before), size(done.After), done.Done)
			})
		},
	}
	target.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

// compactOnServer asks for a compaction and waits until it has ended.
func compactOnServer(ctx context.Context, target targetFlags, progress io.Writer) (api.LakeCompaction, error) {
	var now api.LakeCompaction
	c, err := target.client()
	if err != nil {
		return now, err
	}
	if err := c.call(ctx, http.MethodPost, "/api/lake/compact", nil, &now); err != nil {
		return now, err
	}
	for said := int64(-1); now.State == care.Waiting || now.State == care.Running; {
		if now.Rows > 0 && now.Done != said {
			said = now.Done
			fmt.Fprintf(progress, "%d of %d rows (%s)\n", now.Done, now.Rows, now.Message)
		}
		select {
		case <-ctx.Done():
			return now, ctx.Err()
		case <-time.After(time.Second):
		}
		if err := c.call(ctx, http.MethodGet, "/api/lake/compact", nil, &now); err != nil {
			return now, err
		}
	}
	if now.State == care.Failed {
		return now, fault.Newf(fault.Unavailable, "the compaction ended without effect: %s", now.Message)
	}
	return now, nil
}

func newLakeExport() *cobra.Command {
	var target targetFlags
	var tables []string
	var from, to string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Write tables as Parquet files into a folder",
		Long: `Export writes each table, or those given by --table, into DIR as TABLE.parquet. Times are timestamps in UTC with microseconds, dynamic values JSON text. Rows of
evaluation lab runs are left out. On a server the token needs the scope hunt, and gets the tables that its owner may hunt.`,
		Example: "  bartizan lake export --table DeviceProcessEvents --from 2025-01-01 --to 2025-02-01 archive",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o700); err != nil {
				return fault.Newf(fault.Invalid, "the folder cannot be made: %w", err)
			}
			done, err := exportLake(cmd.Context(), target, args[0], tables, from, to)
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, map[string]any{"files": done}, func(t *tabwriter.Writer) {
				for _, f := range done {
					rows := ""
					if f.Rows >= 0 {
						rows = fmt.Sprintf("%d rows", f.Rows)
					}
					fmt.Fprintf(t, "%s\t%s\t%s\n", f.Path, size(f.Bytes), rows)
				}
			})
		},
	}
	target.add(cmd)
	cmd.Flags().StringArrayVar(&tables, "table", nil, "table to export (repeatable; default: all that have rows)")
	cmd.Flags().StringVar(&from, "from", "", "first time, such as 2025-01-31T10:00:00Z or 2025-01-31")
	cmd.Flags().StringVar(&to, "to", "", "time after the last")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

// exportedFile is a file that export wrote. Rows is -1 when the server did not say.
type exportedFile struct {
	Table string `json:"table"`
	Path  string `json:"path"`
	Rows  int64  `json:"rows"`
	Bytes int64  `json:"bytes"`
}

func exportLake(ctx context.Context, target targetFlags, dir string, tables []string, from, to string) ([]exportedFile, error) {
	done := []exportedFile{}
	if target.server == "" {
		err := target.withCare(ctx, "lake export", func(c *care.Service, id tenant.ID) error {
			all, err := c.Tables(ctx, id)
			if err != nil {
				return err
			}
			chosen, err := api.ChooseTables(all, tables)
			if err != nil {
				return err
			}
			start, end, err := api.ExportRange(from, to, chosen)
			if err != nil {
				return err
			}
			for _, t := range chosen {
				x := lake.Export{Table: t.Name, From: start, To: end}
				if t.TimeColumn == "" {
					x.From, x.To = time.Time{}, time.Time{}
				}
				f, err := writeExport(dir, t.Name, func(w io.Writer) (int64, error) { return c.Export(ctx, id, w, x) }, len(tables) > 0)
				if err != nil {
					return err
				}
				if f != nil {
					done = append(done, *f)
				}
			}
			return nil
		})
		return done, err
	}
	c, err := target.client()
	if err != nil {
		return nil, err
	}
	if len(tables) == 0 {
		var view api.LakeView
		if err := c.call(ctx, http.MethodGet, "/api/lake/tables", nil, &view); err != nil {
			return nil, err
		}
		for _, v := range view.Value {
			if v.Rows > 0 && (v.Oldest != nil || from == "" && to == "") {
				tables = append(tables, v.Table)
			}
		}
	}
	for _, table := range tables {
		query := url.Values{}
		if from != "" {
			query.Set("from", from)
		}
		if to != "" {
			query.Set("to", to)
		}
		f, err := writeExport(dir, table, func(w io.Writer) (int64, error) {
			resp, err := c.send(ctx, http.MethodGet, "/api/lake/tables/"+url.PathEscape(table)+"/parquet?"+query.Encode(), "", nil)
			if err != nil {
				return 0, err
			}
			defer resp.Body.Close()
			_, err = io.Copy(w, resp.Body)
			return -1, err
		}, true)
		if err != nil {
			return done, err
		}
		done = append(done, *f)
	}
	return done, nil
}

// writeExport writes a table's file under another name first, so that a file of the right name is whole. A table without rows has one only when it was named.
func writeExport(dir, table string, write func(io.Writer) (int64, error), named bool) (_ *exportedFile, err error) {
	path := filepath.Join(dir, table+".parquet")
	f, err := os.CreateTemp(dir, "."+table+"-")
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "the folder cannot be written: %w", err)
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	n, err := write(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", table, err)
	}
	if n == 0 && !named {
		return nil, nil
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Sync(), f.Close(), os.Rename(f.Name(), path)); err != nil {
		return nil, err
	}
	return &exportedFile{table, path, n, info.Size()}, nil
}
