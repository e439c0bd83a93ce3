package detect

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"runtime"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/bartizan-sec/bartizan/internal/detect/custom"
	"github.com/bartizan-sec/bartizan/internal/detect/sigma"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Bounds of a folder of rules. SigmaHQ has about 4,000 files.
const (
	maxRuleFiles = 50_000
	maxRuleBytes = 1 << 20
)

// parsedFile is what one rule file holds.
type parsedFile struct {
	rules  []*Rule
	issues []sigma.Issue
}

// readRules reads every rule file (.yml, .yaml) below root, in a stable order: rules that are off by default come last, so that of two with the same id
// the active one wins. top is the name of the folder itself, which can be one that decides about defaults.
func readRules(ctx context.Context, root fs.FS, top string, origin Origin, opt sigma.Options) ([]parsedFile, error) {
	var names []string
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case !d.Type().IsRegular() || !isRuleFile(name):
			return nil
		case len(names) == maxRuleFiles:
			return fault.Newf(fault.TooLarge, "the folder has more than %d rule files", maxRuleFiles)
		}
		names = append(names, name)
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	sort.SliceStable(names, func(i, j int) bool {
		a, b := retired(names[i]), retired(names[j])
		return a != b && b || a == b && names[i] < names[j]
	})
	out := make([]parsedFile, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, runtime.GOMAXPROCS(0)))
	for i, name := range names {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			out[i] = readRuleFile(root, name, path.Join(top, name), origin, opt)
			return nil
		})
	}
	return out, group.Wait()
}

func isRuleFile(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yml" || ext == ".yaml"
}

func retired(name string) bool {
	folders := strings.Split(name, "/")
	return slices.Contains(folders, "deprecated") || slices.Contains(folders, "unsupported")
}

func readRuleFile(root fs.FS, name, shown string, origin Origin, opt sigma.Options) parsedFile {
	info, err := fs.Stat(root, name)
	if err == nil && info.Size() > maxRuleBytes {
		err = fmt.Errorf("file of %d bytes is larger than %d", info.Size(), maxRuleBytes)
	}
	var data []byte
	if err == nil {
		data, err = fs.ReadFile(root, name)
	}
	if err != nil {
		return parsedFile{issues: []sigma.Issue{{Code: sigma.Invalid, Path: shown, Message: err.Error()}}}
	}
	return parseRules(data, shown, origin, opt)
}

var (
	queryKey  = regexp.MustCompile(`(?m)^query:`)
	sigmaKey  = regexp.MustCompile(`(?m)^(detection|correlation|logsource|action):`)
	actionKey = regexp.MustCompile(`(?m)^action:`)
)

// parseRules reads the rules of one text, of whichever kind it is.
func parseRules(data []byte, shown string, origin Origin, opt sigma.Options) parsedFile {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if queryKey.Match(data) && !sigmaKey.Match(data) {
		r, err := custom.Parse(data)
		if err != nil {
			return parsedFile{issues: []sigma.Issue{{Code: string(fault.CodeOf(err)), Path: shown, Message: err.Error()}}}
		}
		return parsedFile{rules: []*Rule{fromCustom(r, origin, shown, string(data))}}
	}
	parsed, issues := sigma.Parse(shown, data, opt)
	whole := actionKey.Match(data) // documents that complete each other cannot be kept apart
	out := parsedFile{issues: issues}
	for _, p := range parsed {
		r := fromSigma(p, origin, shown)
		if whole {
			r.Source = string(data)
		}
		if p.Where == nil {
			r.Enabled, r.Issue = false, issueOf(p, issues)
		}
		out.rules = append(out.rules, r)
	}
	return out
}

func issueOf(r *sigma.Rule, issues []sigma.Issue) string {
	for _, i := range issues {
		if i.RuleID == r.ID {
			return i.Message
		}
	}
	return "the rule cannot be used"
}

// ReadRules reads the rules below root as an import does, without storing them. Issues name what cannot be used.
func ReadRules(ctx context.Context, root fs.FS, origin Origin) ([]*Rule, []sigma.Issue, error) {
	files, err := readRules(ctx, root, "", origin, sigma.Options{})
	if err != nil {
		return nil, nil, err
	}
	var (
		rules  []*Rule
		issues []sigma.Issue
	)
	for _, f := range files {
		rules = append(rules, f.rules...)
		issues = append(issues, f.issues...)
	}
	return rules, issues, nil
}
