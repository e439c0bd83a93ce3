package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// newQuery is the command `bartizan query`.
func newQuery() *cobra.Command {
	cmd := &cobra.Command{Use: "query", Short: "Import, list, show and remove community queries", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newQueryImport(), newQueryList(), newQueryShow(), newQueryRemove())
	return cmd
}

// withQueries opens the data folder's queries, runs fn and closes the folder.
func withQueries(ctx context.Context, t targetFlags, program string, fn func(id tenant.ID, queries *hunting.Service) error) error {
	n, err := openNode(ctx, t, program)
	if err != nil {
		return err
	}
	defer n.Close()
	id, err := n.tenant(ctx, t.tenant)
	if err != nil {
		return err
	}
	return fn(id, n.queries)
}

func newQueryImport() *cobra.Command {
	var t targetFlags
	var source string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "import DIR|FILE...",
		Short: "Import trees of hunting queries",
		Long: `Import reads the files below each DIR, or each FILE, and keeps their queries under the name of a source, in the folders of the tree:

  .yaml, .yml   a document with query: (name, description, tactics, relevantTechniques, requiredDataConnectors are read too)
  .md           each block fenced with ` + "```kql or ```kusto" + `, named by the heading above it
  .kql, .kusto, .csl, .ahq, .txt   the text is the query; comments in front of it describe it

Files without a query are skipped; files that cannot be read are named and cost nothing but themselves. Each query is compiled over the hunting tables, and
one that cannot run here says why. Importing one folder again adds, replaces and removes what changed in it.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if source == "" {
				source = sourceName(args)
			}
			var files []hunting.File
			var refused []hunting.Refusal
			for _, arg := range args {
				more, bad, err := hunting.ReadTree(arg)
				if err != nil {
					return err
				}
				files, refused = append(files, more...), append(refused, bad...)
			}
			var whole []string
			if len(args) == 1 {
				whole = append([]string{}, hunting.Paths(files)...)
			}
			report := hunting.ImportReport{Refused: []hunting.Refusal{}}
			report.Add(hunting.ImportReport{Files: len(refused), Refused: refused, RefusedCount: len(refused)})
			err := importQueries(cmd.Context(), t, source, files, whole, &report)
			if err != nil {
				return err
			}
			err = show(cmd.OutOrStdout(), asJSON, report, func(w *tabwriter.Writer) {
				fmt.Fprintf(w, "%d queries of %d files under %s: %d added, %d replaced, %d unchanged, %d removed; %d can run here\n",
					report.Queries, report.Files, source, report.Added, report.Replaced, report.Unchanged, report.Removed, report.Runnable)
				if report.Skipped > 0 {
					fmt.Fprintf(w, "%d files hold no query\n", report.Skipped)
				}
			})
			for i, r := range report.Refused {
				if i == 20 {
					fmt.Fprintf(cmd.ErrOrStderr(), "  … and %d more (--json lists them)\n", report.RefusedCount-i)
					break
				}
				line := ""
				if r.Line > 0 {
					line = ":" + strconv.Itoa(r.Line)
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "  %s%s: %s (%s)\n", plainText(r.Path), line, plainText(r.Message), r.Code)
			}
			if err == nil && report.RefusedCount > 0 {
				return exitError(exitRefused)
			}
			return err
		},
	}
	t.add(cmd)
	cmd.Flags().StringVar(&source, "source", "", "name to keep the queries under (default: the name of the folder or file)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

// sourceName is the name of the one folder or file, "import" for several.
func sourceName(args []string) string {
	if len(args) > 1 {
		return "import"
	}
	path, err := filepath.Abs(args[0])
	if err != nil {
		return "import"
	}
	base := filepath.Base(path)
	if name := strings.TrimSpace(strings.TrimSuffix(base, filepath.Ext(base))); name != "" && name != "." && name != string(filepath.Separator) {
		return name
	}
	return "import"
}

// Bounds of one request of an import through a server.
const (
	maxSentFiles = 500
	maxSentBytes = 4 << 20
)

// importQueries imports into the data folder, or through a server in parts.
func importQueries(ctx context.Context, t targetFlags, source string, files []hunting.File, whole []string, report *hunting.ImportReport) error {
	if t.server == "" {
		return withQueries(ctx, t, "query import", func(id tenant.ID, queries *hunting.Service) error {
			r, err := queries.ImportCommunity(ctx, id, source, files, whole)
			report.Add(r)
			return err
		})
	}
	c, err := t.client()
	if err != nil {
		return err
	}
	for {
		n, size := 0, 0
		for n < len(files) && n < maxSentFiles && (n == 0 || size+len(files[n].Text) <= maxSentBytes) {
			size += len(files[n].Text)
			n++
		}
		part := struct {
			Source string         `json:"source"`
			Whole  []string       `json:"whole,omitempty"`
			Files  []hunting.File `json:"files"`
		}{Source: source, Files: append([]hunting.File{}, files[:n]...)}
		if files = files[n:]; len(files) == 0 {
			part.Whole = whole // the last part removes what is gone
		}
		var r hunting.ImportReport
		if err := c.call(ctx, http.MethodPost, "/api/hunting/community", part, &r); err != nil {
			return err
		}
		report.Add(r)
		if len(files) == 0 {
			return nil
		}
	}
}

func newQueryList() *cobra.Command {
	var t targetFlags
	var f hunting.CommunityFilter
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List community queries by folder and name",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := struct {
				Queries []hunting.CommunityQuery `json:"queries"`
			}{Queries: []hunting.CommunityQuery{}}
			if err := listQueries(cmd.Context(), t, f, &out.Queries); err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, out, func(w *tabwriter.Writer) {
				fmt.Fprintln(w, "RUNS\tSOURCE\tFOLDER\tNAME\tTECHNIQUES\tTABLES\tID")
				for _, q := range out.Queries {
					runs := "yes"
					if q.Issue != "" {
						runs = "no"
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", runs, q.Source, q.Folder, clip(q.Name, 80), strings.Join(q.Techniques, ","), clip(strings.Join(q.Tables, ","), 60), q.ID)
				}
			})
		},
	}
	t.add(cmd)
	cmd.Flags().StringVar(&f.Search, "search", "", "words that all stand in name, folder, description, tables or techniques")
	cmd.Flags().StringVar(&f.Folder, "folder", "", "that folder and what is below it")
	cmd.Flags().StringVar(&f.Source, "source", "", "queries of that source")
	cmd.Flags().BoolVar(&f.Runnable, "runnable", false, "only queries that can run here")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

// listQueries reads all queries that fit.
func listQueries(ctx context.Context, t targetFlags, f hunting.CommunityFilter, out *[]hunting.CommunityQuery) error {
	if t.server == "" {
		return withQueries(ctx, t, "query list", func(id tenant.ID, queries *hunting.Service) error {
			for f.Top = 5000; ; f.Skip += f.Top {
				page, _, err := queries.Community(ctx, id, f)
				*out = append(*out, page...)
				if err != nil || len(page) < f.Top {
					return err
				}
			}
		})
	}
	c, err := t.client()
	if err != nil {
		return err
	}
	query := url.Values{}
	for name, value := range map[string]string{"search": f.Search, "folder": f.Folder, "source": f.Source} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if f.Runnable {
		query.Set("runnable", "true")
	}
	return listAll(ctx, c, "/api/hunting/community", query, func(page []hunting.CommunityQuery) error {
		*out = append(*out, page...)
		return nil
	})
}

func newQueryShow() *cobra.Command {
	var t targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one community query with its text",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := findQuery(cmd.Context(), t, args[0])
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, q, func(w *tabwriter.Writer) {
				fmt.Fprintf(w, "// %s (%s, %s)\n", plainText(q.Name), plainText(q.Source), plainText(q.Path))
				if q.Issue != "" {
					fmt.Fprintf(w, "// cannot run here: %s\n", plainText(q.Issue))
				}
				for line := range strings.SplitSeq(q.Query, "\n") {
					fmt.Fprintln(w, plainText(line))
				}
			})
		},
	}
	t.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

func findQuery(ctx context.Context, t targetFlags, query string) (q *hunting.CommunityQuery, err error) {
	if t.server == "" {
		err = withQueries(ctx, t, "query show", func(id tenant.ID, queries *hunting.Service) error {
			q, err = queries.FindCommunity(ctx, id, query)
			return err
		})
		return q, err
	}
	c, err := t.client()
	if err != nil {
		return nil, err
	}
	q = new(hunting.CommunityQuery)
	return q, c.call(ctx, http.MethodGet, "/api/hunting/community/"+url.PathEscape(query), nil, q)
}

func newQueryRemove() *cobra.Command {
	var t targetFlags
	var source string
	cmd := &cobra.Command{
		Use:   "remove --source NAME",
		Short: "Remove everything that was imported under the name of a source",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if source == "" {
				return usageError{fault.Newf(fault.Invalid, "--source names what to remove; bartizan query list shows the sources")}
			}
			var out struct {
				Removed int64 `json:"removed"`
			}
			err := error(nil)
			if t.server == "" {
				err = withQueries(cmd.Context(), t, "query remove", func(id tenant.ID, queries *hunting.Service) error {
					out.Removed, err = queries.RemoveCommunity(cmd.Context(), id, source)
					return err
				})
			} else {
				var c *client
				if c, err = t.client(); err == nil {
					err = c.call(cmd.Context(), http.MethodDelete, "/api/hunting/community?source="+url.QueryEscape(source), nil, &out)
				}
			}
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%d queries removed\n", out.Removed)
			}
			return err
		},
	}
	t.add(cmd)
	cmd.Flags().StringVar(&source, "source", "", "name of the source")
	return cmd
}
