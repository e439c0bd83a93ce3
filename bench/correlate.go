package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
)

// detections generates alerts of a large network: many devices and people over half a year, some of them belonging together.
func detections(n int) func(i int) incident.Detection {
	r := rand.New(rand.NewPCG(7, 11)) //nolint:gosec // a load, not a secret
	tactics := []string{"InitialAccess", "Execution", "Persistence", "CredentialAccess", "Discovery", "LateralMovement", "CommandAndControl", "Impact"}
	severities := []incident.Severity{incident.Informational, incident.Low, incident.Medium, incident.High}
	start := time.Date(2024, 7, 1, 0, 0, 0, 0, time.UTC)
	return func(i int) incident.Detection {
		at := start.Add(time.Duration(float64(i) / float64(n) * float64(180*24*time.Hour)))
		device, user := fmt.Sprintf("pc-%05d.corp.example", r.IntN(40_000)), fmt.Sprintf("user%05d", r.IntN(30_000))
		rule := r.IntN(400)
		return incident.Detection{
			Tenant: "default", RuleID: fmt.Sprintf("rule-%03d", rule), RuleTitle: fmt.Sprintf("Detection %03d", rule), Severity: severities[rule%4], Category: tactics[rule%len(tactics)],
			ServiceSource: "endpoint", DetectionSource: "edr", Time: at, Hit: incident.Hit{File: "bench", Record: int64(i + 1), Time: at},
			Evidence: []incident.Evidence{
				{Type: "device", HostName: device, Roles: []incident.Role{incident.Attacked}},
				{Type: "user", AccountName: user, AccountDomain: "CORP", Roles: []incident.Role{incident.Compromised}},
				{Type: "ip", Address: fmt.Sprintf("198.51.%d.%d", r.IntN(100), r.IntN(250))},
			},
		}
	}
}

// correlate measures folding and joining alerts, in batches of 500 as a busy pipeline commits them.
func (b *bench) correlate(ctx context.Context) error {
	db, err := state.Open(ctx, b.path("correlate.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	s := incident.New(db, incident.Options{})
	const total, batch = 20_000, 500
	next := detections(total)
	var took []time.Duration
	start := time.Now()
	for i := 0; i < total; i += batch {
		list := make([]incident.Detection, batch)
		for j := range list {
			list[j] = next(i + j)
		}
		one := time.Now()
		if _, err := s.Accept(ctx, list); err != nil {
			return err
		}
		took = append(took, time.Since(one))
	}
	print("correlate_alerts_per_second", total/time.Since(start).Seconds(), "alerts/s")
	print("correlate_p99_ms", percentile(took, 0.99), "ms")
	return nil
}
