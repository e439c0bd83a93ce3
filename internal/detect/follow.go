package detect

import (
	"context"

	"github.com/bartizan-sec/bartizan/internal/detect/store"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Follow lets the tenant's detector follow rules that other processes changed. It reports whether there was something to follow, and costs one small query when
// there was not.
func (s *Service) Follow(ctx context.Context, id tenant.ID) (bool, error) {
	mark, err := store.Mark(ctx, s.db, id)
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tenants[id]
	if t == nil || t.detector == nil || t.mark == mark {
		return false, nil
	}
	if err := s.reload(ctx, id, t); err != nil {
		return false, err
	}
	t.mark = mark
	return true, nil
}
