package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/platform/config"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// A tenant that has all the files it may have can still replace one, and others can add theirs.
func TestFilesOfATenantAreBounded(t *testing.T) {
	ctx := context.Background()
	e, err := openExternals(config.Hunt{FileBytes: 10}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for i := range maxFiles {
		objects, err := e.objects("t1", "x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := objects.Put(ctx, fmt.Sprintf("%sf%d", filesPrefix, i), strings.NewReader("1")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.PutFile(ctx, "t1", "f7", strings.NewReader("2")); err != nil {
		t.Errorf("replacing one: %v", err)
	}
	if _, err := e.PutFile(ctx, "t1", "more", strings.NewReader("2")); fault.CodeOf(err) != fault.Limit {
		t.Errorf("one too many: %v", err)
	}
	if _, err := e.PutFile(ctx, "t2", "more", strings.NewReader("2")); err != nil {
		t.Errorf("another tenant's: %v", err)
	}
	if _, err := e.PutFile(ctx, "t2", "large", strings.NewReader("more than ten bytes")); fault.CodeOf(err) != fault.TooLarge {
		t.Errorf("one that is too large: %v", err)
	}
	if _, err := e.OpenFile(ctx, "t2", "f7"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("another tenant reads it: %v", err)
	}
}
