package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/content"
	"github.com/bartizan-sec/bartizan/internal/detect/custom"
	"github.com/bartizan-sec/bartizan/internal/detect/trial"
	"github.com/bartizan-sec/bartizan/internal/lake/duckdb"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	kqlduckdb "github.com/bartizan-sec/bartizan/kql/duckdb"
)

// newContent is the command `bartizan content`.
func newContent() *cobra.Command {
	cmd := &cobra.Command{Use: "content", Short: "Check the content that the product ships", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	test := newTrial("test", "Test the shipped detections and mappings, or the detections of a folder, on the records they carry", shippedMappings)
	cmd.AddCommand(test)
	return cmd
}

func newRuleTest() *cobra.Command {
	return newTrial("test [DIR]", "Test rules on the records they carry: those of a folder, or the shipped ones", nil)
}

// newTrial is a command that runs rule files' own tests, and with the shipped ones others.
func newTrial(use, short string, others func() ([]trial.Result, error)) *cobra.Command {
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Long: short + `.

A rule file may carry tests: lists of source records with the family that reads them, and whether the rule must fire on them. Records go through the real
families; KQL rules are asked of a real lake in a temporary folder. The form of each file is checked, too: title, description, recommended actions,
techniques, an id that is the file's name, and at least one test of each kind.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			root, beside := content.Detections(), others
			if len(args) == 1 {
				beside = nil
				if info, err := os.Stat(args[0]); err != nil || !info.IsDir() {
					return fault.Newf(fault.NotFound, "%s is not a folder", args[0])
				}
				root = os.DirFS(args[0])
			}
			return runTrial(cmd, root, beside, asJSON, all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	cmd.Flags().BoolVar(&all, "all", false, "list tests that pass, too")
	return cmd
}

func runTrial(cmd *cobra.Command, root fs.FS, others func() ([]trial.Result, error), asJSON, all bool) error {
	bench, drop, err := newBench()
	if err != nil {
		return err
	}
	defer drop()
	results, err := bench.Run(cmd.Context(), root)
	if err != nil {
		return err
	}
	if others != nil {
		more, err := others()
		if err != nil {
			return err
		}
		results = append(results, more...)
	}
	failed, tests := 0, 0
	rules := map[string]bool{}
	for _, r := range results {
		rules[r.File] = true
		if r.Test != "" {
			tests++
		}
		if !r.OK {
			failed++
		}
	}
	err = show(cmd.OutOrStdout(), asJSON, map[string]any{"rules": len(rules), "tests": tests, "failed": failed, "results": results}, func(w *tabwriter.Writer) {
		for _, r := range results {
			if r.OK && !all {
				continue
			}
			verdict := "ok"
			if !r.OK {
				verdict = "FAILED"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", verdict, r.File, r.Test, r.Message)
		}
		fmt.Fprintf(w, "%d rules, %d tests, %d failed\n", len(rules), tests, failed)
	})
	if err == nil && failed > 0 {
		return exitError(exitFailed)
	}
	return err
}

// newBench makes what rule tests run on: the product's families, and a lake in a temporary folder with a tenant for each test.
func newBench() (*trial.Bench, func(), error) {
	dir, err := os.MkdirTemp("", "bartizan-rules-")
	if err != nil {
		return nil, nil, err
	}
	lakes, err := duckdb.New(dir, duckdb.Options{Register: kqlduckdb.Register})
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, nil, err
	}
	drop := func() {
		_ = lakes.Close()
		_ = os.RemoveAll(dir)
	}
	n := 0
	return &trial.Bench{
		Families: func() map[string]normalise.Family {
			out := map[string]normalise.Family{}
			for _, f := range sourceFamilies() {
				out[f.Name()] = f.Family
			}
			return out
		},
		Lake: func(ctx context.Context, rows []*schema.Row) (custom.Hunter, func(), error) {
			n++
			id := tenant.ID(fmt.Sprintf("test-%d", n))
			store, err := lakes.Open(ctx, id)
			if err != nil {
				return nil, nil, err
			}
			if err := store.Append(ctx, rows, nil); err != nil {
				return nil, nil, err
			}
			return oneLake{hunter{lakes: lakes}, id}, func() { _ = store.Close() }, nil
		},
	}, drop, nil
}

// oneLake answers for whatever tenant is named from one lake.
type oneLake struct {
	hunter
	id tenant.ID
}

// Hunt implements custom.Hunter.
func (o oneLake) Hunt(ctx context.Context, _ tenant.ID, q custom.Question) (*custom.Answer, error) {
	return o.hunter.Hunt(ctx, o.id, q)
}
