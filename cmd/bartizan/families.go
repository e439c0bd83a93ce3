package main

import (
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/alerts"
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
)

// processCacheSize is how many processes a tenant's lineage cache remembers (about 400 bytes each).
const processCacheSize = 200_000

// families makes the source families of one pipeline. They keep state (process lineage), so each pipeline has its own.
func (n *node) families() []ingest.Family {
	return []ingest.Family{
		{Family: winlog.New(normalise.NewProcessCache(processCacheSize)), Probe: winlog.Probe},
		{Family: mail.New(), Probe: mail.Probe},
		{Family: m365.New(), Probe: m365.Probe},
		{Family: entra.New(), Probe: entra.Probe},
		{Family: hunting.New(), Probe: hunting.Probe},
		{Family: linux.New(), Probe: linux.Probe},
		{Family: cloudtrail.New(), Probe: cloudtrail.Probe},
		{Family: github.New(), Probe: github.Probe},
		{Family: google.New(), Probe: google.Probe},
		{Family: network.New(), Probe: network.Probe},
		{Family: okta.New(), Probe: okta.Probe},
		{Family: alerts.New(), Probe: alerts.Probe},
		{Family: generic.New(), Probe: generic.Probe},
	}
}
