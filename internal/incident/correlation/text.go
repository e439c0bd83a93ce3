package correlation

import (
	"fmt"
	"strconv"
	"strings"
)

// text says in words why two alerts were joined.
func (e *Engine) text(k Kind, en Entity, a, b *Alert, gap int64) string {
	name := en.Name
	if name == "" {
		_, name, _ = strings.Cut(en.Key, ":")
	}
	if len(name) > 120 {
		name = strings.ToValidUTF8(name[:117], "") + "…"
	}
	when := within(gap)
	seen := fmt.Sprintf("seen in %s of %s alerts", number(max(e.docs[en.Key], 1)), number(max(e.added, 1)))
	first, second := a, b
	if starts(b) < starts(a) {
		first, second = b, a
	}
	switch k {
	case SameProcessTree:
		return fmt.Sprintf("Same process tree (%s) %s", name, when)
	case SameMessage:
		return fmt.Sprintf("Same mail message %s %s", name, when)
	case SameFile:
		return fmt.Sprintf("Same file %s %s (%s)", name, when, seen)
	case SameURL:
		return fmt.Sprintf("Same URL %s %s (%s)", name, when, seen)
	case SameDomain:
		return fmt.Sprintf("Same domain %s %s (%s)", name, when, seen)
	case SameRemoteAddress:
		return fmt.Sprintf("Same remote address %s %s (%s)", name, when, seen)
	case SameAddress:
		return fmt.Sprintf("Same address %s %s (%s)", name, when, seen)
	case SameSender:
		return fmt.Sprintf("Same sender %s %s (%s)", name, when, seen)
	case SameMailbox:
		return fmt.Sprintf("Same mailbox %s %s (%s)", name, when, seen)
	case SameAccount:
		return fmt.Sprintf("Same account %s %s (%s)", name, when, seen)
	case SameAccountDevice:
		return fmt.Sprintf("Same account %s on %s %s (%s)", name, commonDevice(a, b), when, seen)
	case SameDevice:
		return fmt.Sprintf("Same device %s %s, both unusual there (%s)", name, when, seen)
	case SameApp:
		return fmt.Sprintf("Same application %s %s (%s)", name, when, seen)
	case PhishClicked:
		return fmt.Sprintf("Mail delivered to %s, then a link clicked %s", name, when)
	case ClickActivity:
		return fmt.Sprintf("%s in the mail of %s, then %q by the same person %s", quoted(first.Title), name, second.Title, when)
	case CredentialUsed:
		return fmt.Sprintf("Account %s used on another device %s after credential access", name, when)
	case LateralMovement:
		return fmt.Sprintf("%s is an end of %q and was alerted on %s", name, first.Title, when)
	case AttackSequence:
		return fmt.Sprintf("%s followed by %s on %s %s", words(first.Category), words(second.Category), name, when)
	case BurstOnDevice:
		return fmt.Sprintf("Two bursts of unusual alerts on %s %s; such bursts are rare there", name, when)
	case SameRuleElsewhere:
		return fmt.Sprintf("%q began on another device %s; it is rare everywhere", a.Title, when)
	case UnusualTogether:
		return fmt.Sprintf("Two alarms that are rare where they sounded began %s: %q and %q", when, first.Title, second.Title)
	}
	return string(k)
}

func quoted(s string) string { return strconv.Quote(s) }

func commonDevice(a, b *Alert) string {
	for _, x := range a.Entities {
		if x.Kind != "device" {
			continue
		}
		for _, y := range b.Entities {
			if x.Key == y.Key {
				return x.Name
			}
		}
	}
	return "the same device"
}

// within writes a gap as people say it.
func within(gap int64) string {
	switch {
	case gap < 60:
		return fmt.Sprintf("within %d s", max(gap, 1))
	case gap < 2*hour:
		return fmt.Sprintf("within %d min", (gap+59)/60)
	case gap < 2*day:
		return fmt.Sprintf("within %d h", (gap+hour-1)/hour)
	}
	return fmt.Sprintf("within %d days", (gap+day-1)/day)
}

// number groups digits by thousands.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// words splits CamelCase tactic names.
func words(category string) string {
	var b strings.Builder
	for i, r := range category {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
