package bind

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed summaries.txt
var summaryList string

// summaries say in a few words what each function gives.
var summaries = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(summaryList) {
		if name, text, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			out[name] = text
		}
	}
	return out
})
