package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress shows a moving line on a terminal while an import runs; elsewhere it is silent.
type progress struct {
	quit chan struct{}
	done chan struct{}
}

func startProgress(w io.Writer, wanted bool, s *importSink) *progress {
	p := &progress{quit: make(chan struct{}), done: make(chan struct{})}
	f, ok := w.(*os.File)
	if !wanted || !ok || !term.IsTerminal(int(f.Fd())) {
		close(p.done)
		return p
	}
	go p.loop(w, int(f.Fd()), s)
	return p
}

func (p *progress) loop(w io.Writer, fd int, s *importSink) {
	defer close(p.done)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	start := time.Now()
	for {
		select {
		case <-p.quit:
			fmt.Fprint(w, "\r\x1b[K")
			return
		case <-tick.C:
			width, _, err := term.GetSize(fd)
			if err != nil {
				width = 80
			}
			n := s.records.Load()
			line := fmt.Sprintf("%d records, %.0f/s", n, float64(n)/time.Since(start).Seconds())
			if file := s.file.Load(); file != nil {
				if file.Size > 0 {
					line += fmt.Sprintf(", %3.0f %%", 100*float64(file.Consumed())/float64(file.Size))
				}
				line += " of " + file.Path
			}
			if len(line) >= width && width > 4 {
				line = line[:width-2] + "…"
			}
			fmt.Fprint(w, "\r\x1b[K"+line)
		}
	}
}

func (p *progress) stop() {
	select {
	case <-p.done:
	default:
		close(p.quit)
		<-p.done
	}
}
