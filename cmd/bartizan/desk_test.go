package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/platform/datadir"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// bartizan runs a command in this process and returns what it printed.
func bartizan(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := newRoot()
	var out bytes.Buffer
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(context.Background())
	return out.String(), err
}

func document[T any](t *testing.T, args ...string) T {
	t.Helper()
	out, err := bartizan(t, append(args, "--json")...)
	var v T
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v printed %q: %v", args, out, err)
	}
	return v
}

func TestUsersTenantsAndTokensOnAFolder(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	type user struct {
		Name, Password string
		Roles          []string
		MustChange     bool `json:"mustChangePassword"`
	}
	made := document[user](t, "user", "add", "Ann", "--data", data, "--role", "globalAdministrator")
	if made.Name != "ann" || len(made.Password) < 20 {
		t.Errorf("made %+v", made)
	}
	reset := document[user](t, "user", "reset", "ann", "--data", data)
	if reset.Password == made.Password || reset.Password == "" {
		t.Errorf("reset gave %q", reset.Password)
	}
	if list := document[struct{ Users []user }](t, "user", "list", "--data", data); len(list.Users) != 1 || !list.Users[0].MustChange || list.Users[0].Roles[0] != "globalAdministrator" {
		t.Errorf("users %+v", list)
	}
	document[map[string]any](t, "tenant", "add", "north", "--data", data, "--name", "North branch")
	if list := document[struct{ Tenants []struct{ ID, Name string } }](t, "tenant", "list", "--data", data); len(list.Tenants) != 2 || list.Tenants[1].Name != "North branch" {
		t.Errorf("tenants %+v", list)
	}
	token := document[struct{ ID, Token string }](t, "token", "create", "--data", data, "--tenant", "north", "--scope", "ingest", "beats")
	if !strings.HasPrefix(token.Token, "bztn_") {
		t.Errorf("token %+v", token)
	}
	tokens := document[struct {
		Tokens []struct{ ID, Token, Name string }
	}](t, "token", "list", "--data", data, "--tenant", "north")
	if len(tokens.Tokens) != 1 || tokens.Tokens[0].ID != token.ID || tokens.Tokens[0].Token != "" || tokens.Tokens[0].Name != "beats" {
		t.Errorf("tokens %+v", tokens)
	}
	document[map[string]string](t, "token", "revoke", token.ID, "--data", data, "--tenant", "north")
	for _, c := range []struct {
		args []string
		want fault.Code
	}{
		{[]string{"user", "add", "ann", "--data", data}, fault.Conflict},
		{[]string{"user", "add", "bob", "--data", data, "--role", "emperor"}, fault.Invalid},
		{[]string{"user", "add", "bob", "--data", data, "--tenant", "south"}, fault.NotFound},
		{[]string{"user", "add", "b b", "--data", data}, fault.Invalid},
		{[]string{"user", "reset", "nobody", "--data", data}, fault.NotFound},
		{[]string{"tenant", "add", "north", "--data", data}, fault.Conflict},
		{[]string{"tenant", "add", "../x", "--data", data}, fault.Invalid},
		{[]string{"token", "create", "--data", data, "--scope", "everything"}, fault.Invalid},
		{[]string{"token", "revoke", token.ID, "--data", data, "--tenant", "north"}, fault.NotFound},
	} {
		if out, err := bartizan(t, c.args...); fault.CodeOf(err) != c.want {
			t.Errorf("%v: %q, %v; want %s", c.args, out, err, c.want)
		}
	}
	var usage usageError
	if _, err := bartizan(t, "user", "list", "--server", "http://127.0.0.1:1", "--token", ""); !errors.As(err, &usage) {
		t.Errorf("--server without a token: %v", err)
	}
}

func TestAHeldFolderNamesTheServer(t *testing.T) {
	data := t.TempDir()
	dir, err := datadir.Open(data, "serve", "127.0.0.1:8420")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for _, args := range [][]string{{"user", "list", "--data", data}, {"backup", t.TempDir(), "--data", data}, {"hunt", "print 1", "--data", data}} {
		if _, err := bartizan(t, args...); fault.CodeOf(err) != fault.Held || !strings.Contains(err.Error(), "--server http://127.0.0.1:8420") || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestBackupRestoreAndDoctor(t *testing.T) {
	work := t.TempDir()
	data, copied, restored := filepath.Join(work, "data"), filepath.Join(work, "copy"), filepath.Join(work, "restored")
	document[map[string]any](t, "user", "add", "ann", "--data", data, "--role", "globalAdministrator")
	document[map[string]any](t, "tenant", "add", "north", "--data", data)
	document[map[string]any](t, "backup", copied, "--data", data)
	if _, err := bartizan(t, "backup", copied, "--data", data); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a second backup into the folder: %v", err)
	}
	document[map[string]any](t, "restore", copied, "--data", restored)
	if _, err := bartizan(t, "restore", copied, "--data", restored); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a restore over an installation: %v", err)
	}
	if _, err := bartizan(t, "restore", work, "--data", filepath.Join(work, "x")); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("a restore of what is no backup: %v", err)
	}
	for _, folder := range []string{data, restored} {
		report := document[doctorReport](t, "doctor", "--data", folder)
		seen := map[string]string{}
		for _, f := range report.Findings {
			seen[f.Check] = f.State
			if f.State == "failed" {
				t.Errorf("%s: %+v", folder, f)
			}
		}
		for _, check := range []string{"lock", "state integrity", "bus", "audit log of north", "lake of default", "bus of north"} {
			if seen[check] != "ok" {
				t.Errorf("%s: %s is %q", folder, check, seen[check])
			}
		}
	}
	// A damaged state database is found, and the command fails.
	raw, err := os.ReadFile(filepath.Join(restored, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 8192; i < len(raw); i += 7 {
		raw[i] ^= 0x55
	}
	if err := os.WriteFile(filepath.Join(restored, "state.db"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := bartizan(t, "doctor", "--data", restored)
	var code exitError
	if !errors.As(err, &code) || code != exitFailed || !strings.Contains(out, "failed") {
		t.Errorf("doctor on a damaged folder: %v\n%s", err, out)
	}
}

func TestVersion(t *testing.T) {
	if v := document[versionReport](t, "version"); v.Version == "" || !strings.HasPrefix(v.Go, "go1.") {
		t.Errorf("version %+v", v)
	}
}
