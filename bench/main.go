// Command bench prints the measures of the product as `name value unit` lines, with `name.yardstick.WHAT value unit` beside those that have a yardstick in
// the same run. It drives the built binary from outside where a user would, and packages directly where a measure is about one of them.
//
//	go run ./bench [all|ingest|sigma|kql|clickhouse|portal|correlate]
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// binary is where `make build` puts the product.
const binary = "bin/bartizan"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	which := "all"
	if len(os.Args) > 1 {
		which = os.Args[1]
	}
	if err := run(ctx, which); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, which string) error {
	dir, err := os.MkdirTemp("", "bartizan-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, settings: takeSettings()}
	defer b.close()
	groups := []struct {
		name string
		fn   func(context.Context) error
	}{{"sigma", b.sigma}, {"ingest", b.ingest}, {"kql", b.kql}, {"clickhouse", b.onClickHouse}, {"correlate", b.correlate}, {"portal", b.portal}}
	known := which == "all"
	for _, g := range groups {
		if which != "all" && which != g.name {
			continue
		}
		known = true
		if err := g.fn(ctx); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
	}
	if !known {
		return fmt.Errorf("there is no group %q: all, sigma, ingest, kql, clickhouse, correlate, portal", which)
	}
	return nil
}

type bench struct {
	dir      string
	settings map[string]string // of the environment, BARTIZAN_BENCH_ROWS as ROWS
	lake     *huntLake
}

func (b *bench) close() {
	if b.lake != nil {
		_ = b.lake.close()
	}
}

// takeSettings takes the bench's settings out of the environment: the product refuses variables that it does not know.
func takeSettings() map[string]string {
	const prefix = "BARTIZAN_BENCH_"
	out := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if short, ok := strings.CutPrefix(name, prefix); ok {
			out[short] = value
			_ = os.Unsetenv(name)
		}
	}
	return out
}

func (b *bench) path(parts ...string) string {
	return filepath.Join(append([]string{b.dir}, parts...)...)
}

func print(name string, value float64, unit string) { fmt.Printf("%s %.6g %s\n", name, value, unit) }

// percentile returns the p-th percentile (0 to 1) of durations in milliseconds.
func percentile(list []time.Duration, p float64) float64 {
	sort.Slice(list, func(i, j int) bool { return list[i] < list[j] })
	return float64(list[min(len(list)-1, int(p*float64(len(list))))].Microseconds()) / 1000
}

// peak runs the binary and returns its output and peak memory in MB.
func peak(ctx context.Context, args ...string) ([]byte, float64, error) {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return out, maxRSS(cmd.ProcessState) / 1e6, err
}

// writeLines writes n generated lines to a file.
func writeLines(path string, n int, line func(i int) []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range n {
		if _, err := w.Write(append(line(i), '\n')); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
