// Package content embeds what the product ships as data: detections, mappings, scenarios of the evaluation lab, what osquery
// agents watch. Files are checked by `bartizan content test`; an
// operator's own files stand beside them in the data folder and are never touched by an upgrade.
package content

import (
	"embed"
	"io/fs"
)

//go:embed detections scenarios osquery mappings
var files embed.FS

// Detections holds the shipped rules: AREA/ID.yml, Sigma or KQL, each with tests.
func Detections() fs.FS { return folder("detections") }

// Mappings holds the shipped mappings: how records of a product become rows.
func Mappings() fs.FS { return folder("mappings") }

// Scenarios holds the stories of the evaluation lab.
func Scenarios() fs.FS { return folder("scenarios") }

// Osquery holds schedule.yml: what enrolled osquery agents watch.
func Osquery() fs.FS { return folder("osquery") }

func folder(name string) fs.FS {
	sub, err := fs.Sub(files, name)
	if err != nil {
		panic(err) // the name is not a valid path: a defect of this file
	}
	return sub
}
