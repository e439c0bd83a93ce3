package main

import (
	"context"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/alerts"
	"github.com/bartizan-sec/bartizan/internal/normalise/cef"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudtrail"
	"github.com/bartizan-sec/bartizan/internal/normalise/entra"
	"github.com/bartizan-sec/bartizan/internal/normalise/generic"
	"github.com/bartizan-sec/bartizan/internal/normalise/github"
	"github.com/bartizan-sec/bartizan/internal/normalise/google"
	"github.com/bartizan-sec/bartizan/internal/normalise/hunting"
	"github.com/bartizan-sec/bartizan/internal/normalise/linux"
	"github.com/bartizan-sec/bartizan/internal/normalise/m365"
	"github.com/bartizan-sec/bartizan/internal/normalise/mail"
	"github.com/bartizan-sec/bartizan/internal/normalise/network"
	"github.com/bartizan-sec/bartizan/internal/normalise/okta"
	"github.com/bartizan-sec/bartizan/internal/normalise/winlog"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// processCacheSize is how many processes a tenant's lineage cache remembers (about 400 bytes each).
const processCacheSize = 200_000

// families makes the source families of one pipeline. They keep state (process lineage, devices seen), so each pipeline has its own; what the lake knows
// already they are told.
func families(ctx context.Context, store lake.Store) ([]ingest.Family, error) {
	devices, err := column(ctx, store, "DeviceInfo | distinct DeviceId")
	if err != nil {
		return nil, err
	}
	controllers, err := column(ctx, store, `union IdentityLogonEvents, IdentityDirectoryEvents, IdentityQueryEvents
		| where Application == "Active Directory" | distinct DestinationDeviceName`)
	if err != nil {
		return nil, err
	}
	return sourceFamilies(
		winlog.KnownDevice(func(_ tenant.ID, id string) bool { return devices[id] }),
		winlog.KnownController(func(_ tenant.ID, name string) bool { return controllers[name] }),
	), nil
}

// column returns the values of a query's one column.
func column(ctx context.Context, store lake.Store, query string) (map[string]bool, error) {
	rows, err := everything(ctx, store, query)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, row := range rows {
		if value, ok := row[0].(string); ok {
			out[value] = true
		}
	}
	return out, nil
}

// sourceFamilies lists every family, without knowledge of any lake.
func sourceFamilies(windows ...winlog.Option) []ingest.Family {
	processes := normalise.NewProcessCache(processCacheSize)
	return []ingest.Family{
		{Family: winlog.New(processes, windows...), Probe: winlog.Probe},
		{Family: mail.New(), Probe: mail.Probe},
		{Family: m365.New(), Probe: m365.Probe},
		{Family: entra.New(), Probe: entra.Probe},
		{Family: hunting.New(), Probe: hunting.Probe},
		{Family: linux.New(processes), Probe: linux.Probe},
		{Family: cef.New(), Probe: cef.Probe},
		{Family: cloudtrail.New(), Probe: cloudtrail.Probe},
		{Family: github.New(), Probe: github.Probe},
		{Family: google.New(), Probe: google.Probe},
		{Family: network.New(), Probe: network.Probe},
		{Family: okta.New(), Probe: okta.Probe},
		{Family: alerts.New(), Probe: alerts.Probe},
		{Family: generic.New(), Probe: generic.Probe},
	}
}
