package duckdb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// DuckDB gives a file up when it cannot write it, as on a full disk: every statement fails from then on, whatever happens to the disk. What was committed is
// in the file and its log. The store opens the file again, so that it goes on as soon as there is room.

// session is a query's session. The file is not exchanged while it is open.
type session struct {
	engine.Session
	store *Store
	ended bool
}

// Run implements engine.Session.
func (s *session) Run(ctx context.Context, root plan.Node, opt engine.Options, f func(row []any) error) (engine.Stats, error) {
	st, err := s.Session.Run(ctx, root, opt, f)
	if err != nil && givenUp(err.Error()) {
		s.store.broken.Store(true)
	}
	return st, err
}

// Close implements engine.Session.
func (s *session) Close() error {
	if s.ended {
		return nil
	}
	s.ended = true
	err := s.Session.Close()
	s.store.gate.leave()
	return err
}

// enter lets the caller use db until it calls gate.leave.
func (s *Store) enter(ctx context.Context) error {
	if s.broken.Load() {
		s.write.Lock()
		err := s.ready(ctx)
		s.write.Unlock()
		if err != nil {
			return err
		}
	}
	return s.gate.enter(ctx)
}

// ready makes sure that the file can be used. The caller holds write.
func (s *Store) ready(ctx context.Context) error {
	if s.closed {
		return fault.Newf(fault.Unavailable, "the lake of tenant %s is closed", s.id)
	}
	if !s.broken.Load() {
		return nil
	}
	if s.rewrite != nil {
		s.rewrite.giveUp(errBroken) // it lets go of the file by itself
		return fault.Newf(fault.Unavailable, "the lake of tenant %s is being opened again; try again", s.id)
	}
	if !s.gate.close(ctx, reopenPatience) {
		return fault.Newf(fault.Unavailable, "the lake of tenant %s has to be opened again, which waits for queries that run", s.id)
	}
	defer s.gate.open()
	_ = s.conn.Close()
	_ = s.db.Close() // it has failed already
	if err := s.open(context.WithoutCancel(ctx)); err != nil {
		return roomError(err)
	}
	s.broken.Store(false)
	return nil
}

// reopenPatience is how long opening a broken file waits for queries, which fail by themselves.
const reopenPatience = 15 * time.Second

// failure notes errors after which the file has to be opened again, and says it when the disk is full or memory is short.
func (s *Store) failure(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if givenUp(text) || noRoom(text) {
		s.broken.Store(true)
	}
	return roomError(err)
}

// Trouble is why the last batch could not be written, nil when it was. Batches are tried again by who writes them.
func (s *Store) Trouble() error {
	if p := s.trouble.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *Store) noteTrouble(err error) {
	switch {
	case err == nil:
		s.trouble.Store(nil)
	case !errors.Is(err, context.Canceled):
		s.trouble.Store(&err)
	}
}

func givenUp(text string) bool {
	return strings.Contains(text, "has been invalidated") || strings.Contains(text, "FATAL Error")
}

func noRoom(text string) bool {
	return strings.Contains(text, syscall.ENOSPC.Error()) || strings.Contains(strings.ToLower(text), "no space left") || strings.Contains(strings.ToLower(text), "disk full") ||
		strings.Contains(text, syscall.EDQUOT.Error()) || strings.Contains(text, syscall.EFBIG.Error())
}

// roomError makes errors for want of disk or memory ones that say what to do.
func roomError(err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	switch text := err.Error(); {
	case noRoom(text):
		return fault.Newf(fault.Unavailable, "the disk of the lake is full: make room on it, or keep rows for a shorter time; nothing that was accepted is lost (%w)", err)
	case strings.Contains(text, "Out of Memory Error"):
		return fault.Newf(fault.Unavailable, "the lake has not enough memory: raise lake.memory (%w)", err)
	}
	return fmt.Errorf("lake: %w", err)
}
