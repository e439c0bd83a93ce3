package winlog

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// powerShell maps the operational logs of Windows PowerShell and PowerShell 7.
func (w *worker) powerShell() {
	switch w.rec.eventID {
	case 4103:
		w.command()
	case 4104:
		w.scriptBlock()
	}
}

// command maps 4103: a command ran, with its parameters.
func (w *worker) command() {
	r := &w.rec
	row := w.newRow("DeviceEvents", "PowerShellCommand")
	context := r.get("ContextInfo")
	payload := r.get("Payload")
	name, bindings := commandOf(payload)
	if name == "" {
		name = contextValue(context, "Command Name")
	}
	w.extra.Text("Command", name)
	if bindings != "" {
		w.extra.Raw("ParameterBinding", bindings)
	}
	id, has := parseInt(r.processID)
	w.initiator(row, actorRef{id: id, has: has && id != 0, user: contextValue(context, "User")})
	if put, host := row.Get("InitiatingProcessCommandLine") == nil, contextValue(context, "Host Application"); put && host != "" {
		row.Set("InitiatingProcessCommandLine", host)
	}
	file(row, contextValue(context, "Script Name"))
	w.extra.Text("CommandPath", contextValue(context, "Command Path"))
	w.extra.Text("HostName", contextValue(context, "Host Name"))
	w.extra.Text("RunspaceId", contextValue(context, "Runspace ID"))
	w.extra.Text("PipelineId", contextValue(context, "Pipeline ID"))
	w.extra.Text("ConnectedUser", contextValue(context, "Connected User"))
	w.finish(row)
}

// contextValue reads a line "    Name = value" of ContextInfo.
func contextValue(context, name string) string {
	for line := range strings.Lines(context) {
		key, value, ok := strings.Cut(line, "=")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// commandOf reads the payload of a command event: `CommandInvocation(Name): "…"` and lines `ParameterBinding(Name): name="…"; value="…"`.
// bindings is a JSON array of {name, value}.
func commandOf(payload string) (command, bindings string) {
	var buf []byte
	for line := range strings.Lines(payload) {
		line = strings.TrimRight(line, "\r\n")
		if rest, ok := strings.CutPrefix(line, "CommandInvocation("); ok && command == "" {
			command, _, _ = strings.Cut(rest, ")")
			continue
		}
		rest, ok := strings.CutPrefix(line, "ParameterBinding(")
		if !ok {
			continue
		}
		_, rest, _ = strings.Cut(rest, `): name="`)
		name, value, ok := strings.Cut(rest, `"; value="`)
		if !ok {
			continue
		}
		if buf == nil {
			buf = append(buf, '[')
		} else {
			buf = append(buf, ',')
		}
		buf = append(buf, `{"name":`...)
		buf = normalise.AppendJSONString(buf, name)
		buf = append(buf, `,"value":`...)
		buf = normalise.AppendJSONString(buf, strings.TrimSuffix(value, `"`))
		buf = append(buf, '}')
	}
	if buf != nil {
		buf = append(buf, ']')
	}
	return command, string(buf)
}

// scriptBlock maps 4104: the text of a script, or one of its parts, which ScriptBlockId, MessageNumber and MessageTotal put together.
func (w *worker) scriptBlock() {
	r := &w.rec
	number, total := r.parts()
	action := "ScriptContent"
	if total > 1 {
		action = "ScriptContentPart"
	}
	row := w.newRow("DeviceEvents", action)
	script := r.get("ScriptBlockText")
	w.extra.Text("ScriptContent", script)
	if script != "" && total == 1 && r.peek("MessageTotal") == "1" {
		sum := sha256.Sum256([]byte(script))
		put(row, "SHA256", hex.EncodeToString(sum[:]))
	}
	file(row, r.get("Path"))
	if r.level == "3" {
		w.extra.Bool("Suspicious", true)
	}
	id, has := parseInt(r.processID)
	w.initiator(row, actorRef{id: id, has: has && id != 0})
	if row.Get("InitiatingProcessAccountSid") == nil {
		put(row, "InitiatingProcessAccountSid", normalise.CleanSID(r.userID))
	}
	w.finish(row)
	if total > 1 {
		w.scriptPart(row, script, number, total)
	} else {
		w.lateScripts()
	}
}

// classicPowerShell maps the engine's starts (400) and pipeline details (800) of the classic log. The values stand in one text.
func (w *worker) classicPowerShell() {
	r := &w.rec
	action := ""
	switch r.eventID {
	case 400:
		action = "PowerShellEngineStarted"
	case 800:
		action = "PowerShellCommand"
	default:
		return
	}
	text := strings.Join(r.unnamed(), "\n")
	if text == "" {
		text = r.peek("param1") + "\n" + r.peek("param2") + "\n" + r.peek("param3")
	}
	if strings.TrimSpace(text) == "" {
		text = r.message
	}
	r.use("Data", "param1", "param2", "param3")
	row := w.newRow("DeviceEvents", action)
	if host := contextValue(text, "HostApplication"); host != "" {
		put(row, "InitiatingProcessCommandLine", host)
	}
	account(row, "InitiatingProcessAccount", contextValue(text, "UserId"))
	file(row, contextValue(text, "ScriptName"))
	if r.eventID == 800 {
		name, bindings := commandOf(text)
		w.extra.Text("Command", name)
		if bindings != "" {
			w.extra.Raw("ParameterBinding", bindings)
		}
		w.extra.Text("CommandLine", contextValue(text, "CommandLine"))
	}
	w.extra.Text("HostName", contextValue(text, "HostName"))
	w.extra.Text("HostVersion", contextValue(text, "HostVersion"))
	w.extra.Text("EngineVersion", contextValue(text, "EngineVersion"))
	w.extra.Text("RunspaceId", contextValue(text, "RunspaceId"))
	w.finish(row)
}
