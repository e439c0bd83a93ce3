package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/content"
	"github.com/bartizan-sec/bartizan/internal/api"
	"github.com/bartizan-sec/bartizan/internal/detect/trial"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/mapping"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// newMapping is the command `bartizan mapping`.
func newMapping() *cobra.Command {
	cmd := &cobra.Command{
		Use: "mapping", Short: "Declare what records of a product become", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Long: `A mapping is a small YAML file: which records it takes, the table they go to, and a KQL expression for each column. See docs/how-to/map-a-product.md.`,
	}
	cmd.AddCommand(newMappingList(), newMappingShow(), newMappingImport(), newMappingTest(), newMappingSwitch("enable", true), newMappingSwitch("disable", false), newMappingRemove())
	return cmd
}

// mappingTarget is a data folder or a running server.
type mappingTarget struct {
	node   *node
	id     tenant.ID
	client *client
}

func openMappings(ctx context.Context, t targetFlags, program string) (*mappingTarget, error) {
	if t.server != "" {
		c, err := t.client()
		return &mappingTarget{client: c}, err
	}
	n, err := openNode(ctx, t, program)
	if err != nil {
		return nil, err
	}
	id, err := n.tenant(ctx, t.tenant)
	if err != nil {
		n.Close()
		return nil, err
	}
	return &mappingTarget{node: n, id: id}, nil
}

func (m *mappingTarget) close() {
	if m.node != nil {
		m.node.Close()
	}
}

func (m *mappingTarget) list(ctx context.Context) ([]api.MappingView, error) {
	if m.client != nil {
		var got struct{ Value []api.MappingView }
		return got.Value, m.client.call(ctx, http.MethodGet, "/api/mappings?$top=1000", nil, &got)
	}
	all, err := m.node.mappings.List(ctx, m.id)
	out := make([]api.MappingView, 0, len(all))
	for i := range all {
		out = append(out, *api.ViewOfMapping(&all[i]))
	}
	return out, err
}

// save keeps a new mapping, or replaces the text of one there is.
func (m *mappingTarget) save(ctx context.Context, name, text string, enabled, replace bool) error {
	if m.client != nil {
		body := map[string]any{"enabled": enabled}
		if text != "" {
			body["text"] = text
		}
		if replace {
			return m.client.call(ctx, http.MethodPut, "/api/mappings/"+url.PathEscape(name), body, nil)
		}
		return m.client.call(ctx, http.MethodPost, "/api/mappings", body, nil)
	}
	d := mapping.Draft{Text: text, Enabled: enabled}
	if replace {
		d.Name = name
	}
	_, err := m.node.mappings.Save(ctx, m.id, "console", d)
	return err
}

func (m *mappingTarget) remove(ctx context.Context, name string) error {
	if m.client != nil {
		return m.client.call(ctx, http.MethodDelete, "/api/mappings/"+url.PathEscape(name), nil, nil)
	}
	return m.node.mappings.Delete(ctx, m.id, name)
}

func newMappingList() *cobra.Command {
	var t targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List mappings in the order in which they are tried", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := openMappings(cmd.Context(), t, "mapping list")
			if err != nil {
				return err
			}
			defer m.close()
			all, err := m.list(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, map[string]any{"mappings": all}, func(w *tabwriter.Writer) {
				fmt.Fprintln(w, "NAME\tON\tORIGIN\tTABLE\tDESCRIPTION")
				for _, e := range all {
					on := "on"
					switch {
					case e.Issue != "":
						on = "issue"
					case !e.Enabled:
						on = "off"
					}
					line, _, _ := strings.Cut(e.Description, "\n")
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.Name, on, e.Origin, e.Table, clip(line, 80))
				}
			})
		},
	}
	t.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

func newMappingShow() *cobra.Command {
	var t targetFlags
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Print the file of a mapping", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := openMappings(cmd.Context(), t, "mapping show")
			if err != nil {
				return err
			}
			defer m.close()
			all, err := m.list(cmd.Context())
			if err != nil {
				return err
			}
			for _, e := range all {
				if e.Name == args[0] {
					_, err := fmt.Fprint(cmd.OutOrStdout(), e.Text)
					return err
				}
			}
			return fault.Newf(fault.NotFound, "there is no mapping %q", args[0])
		},
	}
	t.add(cmd)
	return cmd
}

func newMappingImport() *cobra.Command {
	var t targetFlags
	var off bool
	cmd := &cobra.Command{
		Use: "import FILE...", Short: "Keep mappings; one of the same name is replaced", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := openMappings(cmd.Context(), t, "mapping import")
			if err != nil {
				return err
			}
			defer m.close()
			all, err := m.list(cmd.Context())
			if err != nil {
				return err
			}
			known := map[string]bool{}
			for _, e := range all {
				known[e.Name] = true
			}
			for _, file := range args {
				text, err := readMapping(file)
				if err != nil {
					return err
				}
				compiled, err := mapping.Compile(text)
				if err == nil {
					err = m.save(cmd.Context(), compiled.Name, text, !off, known[compiled.Name])
				}
				if err != nil {
					return inFile(file, err)
				}
				known[compiled.Name] = true
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %d columns of %s\n", file, compiled.Name, len(compiled.Columns()), compiled.Table)
			}
			return nil
		},
	}
	t.add(cmd)
	cmd.Flags().BoolVar(&off, "off", false, "keep them without using them")
	return cmd
}

func newMappingSwitch(use string, on bool) *cobra.Command {
	var t targetFlags
	cmd := &cobra.Command{
		Use: use + " NAME...", Short: strings.ToUpper(use[:1]) + use[1:] + " mappings, shipped ones too", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := openMappings(cmd.Context(), t, "mapping "+use)
			if err != nil {
				return err
			}
			defer m.close()
			for _, name := range args {
				if err := m.save(cmd.Context(), name, "", on, true); err != nil {
					return err
				}
			}
			return nil
		},
	}
	t.add(cmd)
	return cmd
}

func newMappingRemove() *cobra.Command {
	var t targetFlags
	cmd := &cobra.Command{
		Use: "remove NAME...", Short: "Remove mappings; rows stay", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := openMappings(cmd.Context(), t, "mapping remove")
			if err != nil {
				return err
			}
			defer m.close()
			for _, name := range args {
				if err := m.remove(cmd.Context(), name); err != nil {
					return err
				}
			}
			return nil
		},
	}
	t.add(cmd)
	return cmd
}

func newMappingTest() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test FILE [SAMPLE...]",
		Short: "Run a mapping's own tests, or show what it makes of the lines of files",
		Long: `Test compiles the mapping in FILE. Without samples it runs the tests that the file carries. With samples, files of one record a line (- is standard input), it
shows the rows that each record becomes. Nothing is kept, and no data folder is needed.

Exit code 1 means that a test failed or that a record would be refused.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readMapping(args[0])
			if err != nil {
				return err
			}
			m, err := mapping.Compile(text)
			if err != nil {
				return inFile(args[0], err)
			}
			if len(args) == 1 {
				return mappingTests(cmd, m, asJSON)
			}
			return mappingSamples(cmd, m, args[1:], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

func mappingTests(cmd *cobra.Command, m *mapping.Mapping, asJSON bool) error {
	results := mapping.RunTests(sourceFamilies(), m)
	failed := 0
	for _, r := range results {
		if !r.OK {
			failed++
		}
	}
	err := show(cmd.OutOrStdout(), asJSON, map[string]any{"mapping": m.Name, "tests": len(results), "failed": failed, "results": results}, func(w *tabwriter.Writer) {
		for _, r := range results {
			if !r.OK {
				fmt.Fprintf(w, "FAILED\ttest %d, line %d\t%s\n", r.Test, r.Line, r.Message)
			}
		}
		fmt.Fprintf(w, "%s: %d tests, %d failed\n", m.Name, len(results), failed)
	})
	if err == nil && failed > 0 {
		return exitError(exitFailed)
	}
	return err
}

// maxTried is how many records of sample files are shown.
const maxTried = 10_000

func mappingSamples(cmd *cobra.Command, m *mapping.Mapping, files []string, asJSON bool) error {
	var outcomes []api.MappingOutcome
	refused := false
	for _, file := range files {
		in := io.NopCloser(cmd.InOrStdin())
		if file != "-" {
			f, err := os.Open(file)
			if err != nil {
				return fault.Newf(fault.NotFound, "%w", err)
			}
			in = f
		}
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() && len(outcomes) < maxTried {
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			o := mapping.Try(sourceFamilies(), m, time.Now().UTC(), lines.Text())[0]
			refused = refused || o.Err != nil
			outcomes = append(outcomes, api.ViewOfOutcome(o))
		}
		err := lines.Err()
		_ = in.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	err := show(cmd.OutOrStdout(), asJSON, map[string]any{"mapping": m.Name, "value": outcomes}, func(w *tabwriter.Writer) { printOutcomes(w, outcomes) })
	if err == nil && refused {
		return exitError(exitFailed)
	}
	return err
}

func printOutcomes(w io.Writer, outcomes []api.MappingOutcome) {
	matched := 0
	for i, o := range outcomes {
		if o.Matched {
			matched++
		}
		switch {
		case o.Error != nil:
			fmt.Fprintf(w, "%d: refused: %s (%s)\n", i+1, plainCell(o.Error.Message), o.Error.Code)
		case !o.Matched:
			fmt.Fprintf(w, "%d: left alone: family %s %s\n", i+1, o.Family, plainCell(o.Unmapped))
		}
		if !o.Matched {
			continue
		}
		for _, r := range o.Rows {
			fmt.Fprintf(w, "%d: %s\n", i+1, r.Table)
			names := make([]string, 0, len(r.Values))
			for name := range r.Values {
				names = append(names, name)
			}
			sort.Strings(names)
			for _, name := range names {
				value, err := json.Marshal(r.Values[name])
				if err != nil {
					continue
				}
				fmt.Fprintf(w, "   %s\t%s\n", name, clip(string(value), 160))
			}
		}
	}
	fmt.Fprintf(w, "%d of %d records are taken\n", matched, len(outcomes))
}

func readMapping(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil || info.IsDir() {
		return "", fault.Newf(fault.NotFound, "%s is not a file", file)
	}
	if info.Size() > mapping.MaxText {
		return "", fault.Newf(fault.TooLarge, "%s: a mapping has at most %d bytes", file, mapping.MaxText)
	}
	text, err := os.ReadFile(file)
	return string(text), err
}

// inFile puts the place before the message, as compilers do.
func inFile(file string, err error) error {
	e, ok := err.(*fault.Error) //nolint:errorlint // Compile and Save give it as it is
	if !ok {
		return fmt.Errorf("%s: %w", file, err)
	}
	place := file
	if line, ok := e.Details["line"]; ok {
		place = fmt.Sprintf("%s:%v:%v", file, line, e.Details["column"])
	}
	out := fault.Newf(e.Code, "%s: %s", place, e.Message)
	out.Details = e.Details
	return out
}

// shippedMappings runs the tests of the shipped mappings, in the form of those of rules.
func shippedMappings() ([]trial.Result, error) {
	results, err := mapping.TestFiles(func() []ingest.Family { return sourceFamilies() }, content.Mappings())
	out := make([]trial.Result, 0, len(results))
	for _, r := range results {
		out = append(out, trial.Result{File: "mappings/" + r.Mapping, Kind: "mapping", Test: fmt.Sprintf("test %d, line %d", r.Test, r.Line), OK: r.OK, Message: r.Message})
	}
	return out, err
}
