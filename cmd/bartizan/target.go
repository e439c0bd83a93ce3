package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// targetFlags say what a command works on: a data folder that it opens itself, or a running server.
type targetFlags struct {
	data   string
	server string
	token  string
	tenant string
}

// add declares --data, --server, --token and --tenant.
func (t *targetFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.data, "data", defaultData(), "data folder to open directly (default $BARTIZAN_DATA, else ./data)")
	cmd.Flags().StringVar(&t.server, "server", "", "address of a running server, such as http://127.0.0.1:8420, instead of --data")
	cmd.Flags().StringVar(&t.token, "token", os.Getenv("BARTIZAN_TOKEN"), "API token for --server (default $BARTIZAN_TOKEN)")
	cmd.Flags().StringVar(&t.tenant, "tenant", string(tenant.Default), "tenant to work in")
	cmd.Flags().Lookup("token").DefValue = ""
	cmd.Flags().Lookup("data").DefValue = ""
	cmd.MarkFlagsMutuallyExclusive("data", "server")
}

func defaultData() string {
	if d := os.Getenv("BARTIZAN_DATA"); d != "" {
		return d
	}
	return "data"
}

// client talks to a running server in the name of a token.
type client struct {
	base   string
	token  string
	tenant string
	http   *http.Client
}

// client returns a client for --server.
func (t *targetFlags) client() (*client, error) {
	u, err := url.Parse(t.server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usageError{fmt.Errorf("--server %q is not an address such as http://127.0.0.1:8420", t.server)}
	}
	if t.token == "" {
		return nil, usageError{errors.New("--server needs a token: give --token or set BARTIZAN_TOKEN (make one with: bartizan token create)")}
	}
	return &client{base: strings.TrimRight(t.server, "/"), token: t.token, tenant: t.tenant, http: &http.Client{}}, nil
}

// call sends in (nil for none) as JSON and decodes the answer into out (nil to ignore it). Errors of the server keep their code.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	resp, err := c.send(ctx, method, path, "application/json", body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("%s %s: the answer is not understood: %w", method, path, err)
	}
	return nil
}

// send returns the answer when it is a success; the caller closes its body.
func (c *client) send(ctx context.Context, method, path, contentType string, body io.Reader) (*http.Response, error) {
	return c.sendAs(ctx, method, path, contentType, "", body)
}

// sendAs is send that asks for a kind of answer.
func (c *client) sendAs(ctx context.Context, method, path, contentType, accept string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("X-Tenant", c.tenant)
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "the server %s does not answer: %w", c.base, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	var answer struct {
		Error struct {
			Code    fault.Code
			Message string
			Target  string
			Details map[string]any
		}
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if json.Unmarshal(text, &answer) != nil || answer.Error.Code == "" {
		return nil, fault.Newf(fault.Unavailable, "the server answered %s", resp.Status)
	}
	e := answer.Error
	return nil, &fault.Error{Code: e.Code, Message: e.Message, Target: e.Target, Details: e.Details}
}

// listAll follows a list to its end, giving each page's items to fn.
func listAll[T any](ctx context.Context, c *client, path string, query url.Values, fn func([]T) error) error {
	const page = 1000
	for skip := 0; ; skip += page {
		query.Set("$top", fmt.Sprint(page))
		query.Set("$skip", fmt.Sprint(skip))
		var got struct {
			Value []T `json:"value"`
		}
		if err := c.call(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &got); err != nil {
			return err
		}
		if err := fn(got.Value); err != nil {
			return err
		}
		if len(got.Value) < page {
			return nil
		}
	}
}

// importPaths sends files to the server's receiver, each as it lies on disk.
func (c *client) importPaths(ctx context.Context, f importFlags, paths []string, stdout, stderr io.Writer) error {
	start := time.Now()
	report := importReport{Refused: []refusedRecord{}, Rows: map[string]int64{}, Unmapped: map[string]int64{}}
	err := eachFile(paths, func(path string, body io.Reader, size int64) error {
		report.Files++
		report.Bytes += max(size, 0)
		resp, err := c.send(ctx, http.MethodPost, "/ingest/v1/"+url.PathEscape(f.source)+"?file="+url.QueryEscape(path), "application/octet-stream", body)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		defer resp.Body.Close()
		var receipt struct {
			Accepted     int64
			RefusedCount int64
			Refused      []struct {
				File    string
				Number  int64
				Code    string
				Message string
			}
		}
		if err := json.NewDecoder(resp.Body).Decode(&receipt); err != nil {
			return fmt.Errorf("%s: the receipt is not understood: %w", path, err)
		}
		report.Records += receipt.Accepted
		report.RefusedCount += receipt.RefusedCount
		for _, r := range receipt.Refused {
			if len(report.Refused) < 100 {
				report.Refused = append(report.Refused, refusedRecord{Path: r.File, Record: r.Number, Code: r.Code, Message: r.Message})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	report.Seconds = time.Since(start).Seconds()
	if f.json {
		err = json.NewEncoder(stdout).Encode(report)
	} else {
		fmt.Fprintf(stdout, "%d records of %d files are accepted and on their way\n", report.Records, report.Files)
		for _, r := range report.Refused {
			fmt.Fprintf(stderr, "  %s\n", r)
		}
	}
	if err == nil && report.RefusedCount > 0 {
		return exitError(exitRefused)
	}
	return err
}
