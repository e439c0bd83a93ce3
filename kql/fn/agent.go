package fn

import (
	"regexp"
	"strings"
)

func agentFunctions() map[string]impl {
	return map[string]impl{"parse_user_agent": parseUserAgent}
}

type agentRule struct {
	re     *regexp.Regexp
	family string
}

// browserRules name the browser by its own token first: Chromium browsers all say Chrome and Safari as well.
var browserRules = sync1(func() []agentRule {
	rule := func(family, pattern string) agentRule {
		return agentRule{re: regexp.MustCompile(pattern + `/?\s?(\d+)?(?:\.(\d+))?(?:\.(\d+))?`), family: family}
	}
	return []agentRule{
		rule("Edge", `\b(?:Edg|Edge|EdgA|EdgiOS)`), rule("Opera", `\b(?:OPR|Opera)`), rule("Samsung Internet", `\bSamsungBrowser`),
		rule("Vivaldi", `\bVivaldi`), rule("YandexBrowser", `\bYaBrowser`), rule("Firefox", `\b(?:Firefox|FxiOS)`), rule("IE", `\bMSIE`),
		rule("Chrome", `\b(?:Chrome|CriOS)`), rule("Mobile Safari", `\bVersion/(?:\d+\.?)+ Mobile/\w+ Safari`), rule("Safari", `\bSafari`),
		rule("curl", `\bcurl`), rule("Wget", `\bWget`), rule("Python Requests", `\bpython-requests`), rule("Go-http-client", `\bGo-http-client`), rule("okhttp", `\bokhttp`),
	}
})

var osRules = sync1(func() []agentRule {
	rule := func(family, pattern string) agentRule {
		return agentRule{re: regexp.MustCompile(pattern), family: family}
	}
	return []agentRule{
		rule("Windows", `Windows NT (\d+)\.?(\d+)?`), rule("Windows", `Windows`), rule("iOS", `(?:iPhone|iPad|iPod).*?OS (\d+)_(\d+)(?:_(\d+))?`),
		rule("Android", `Android (\d+)(?:\.(\d+))?(?:\.(\d+))?`), rule("Mac OS X", `Mac OS X (\d+)[_.](\d+)(?:[_.](\d+))?`), rule("Chrome OS", `CrOS`),
		rule("Ubuntu", `Ubuntu`), rule("Linux", `Linux`),
	}
})

func matchAgent(rules []agentRule, s string, keys ...string) *bag {
	out := newBag(len(keys) + 1)
	out.set("Family", "Other")
	for _, k := range keys {
		out.set(k, "")
	}
	for _, r := range rules {
		m := r.re.FindStringSubmatch(s)
		if m == nil {
			continue
		}
		out.set("Family", r.family)
		for i, k := range keys {
			if i+1 < len(m) {
				out.set(k, m[i+1])
			}
		}
		break
	}
	return out
}

// parse_user_agent(text, look-for): what to look for is "browser", "os", "device" or an array of them.
func parseUserAgent(c *call) any {
	s := c.str(0)
	out := newBag(3)
	for _, w := range c.operands(1) {
		switch strings.ToLower(treeText(w)) {
		case "browser":
			out.set("Browser", matchAgent(browserRules(), s, "MajorVersion", "MinorVersion", "Patch"))
		case "os":
			out.set("OperatingSystem", matchAgent(osRules(), s, "MajorVersion", "MinorVersion", "Patch", "PatchMinor"))
		case "device":
			b := newBag(3)
			family, brand, model := "Other", "", ""
			switch {
			case strings.Contains(s, "iPhone"):
				family, brand, model = "iPhone", "Apple", "iPhone"
			case strings.Contains(s, "iPad"):
				family, brand, model = "iPad", "Apple", "iPad"
			case strings.Contains(s, "Macintosh"):
				family, brand, model = "Mac", "Apple", "Mac"
			case strings.Contains(s, "Android"):
				family = "Generic Smartphone"
			case strings.Contains(strings.ToLower(s), "bot") || strings.Contains(strings.ToLower(s), "spider"):
				family, brand, model = "Spider", "Spider", "Desktop"
			}
			b.set("Family", family)
			b.set("Brand", brand)
			b.set("Model", model)
			out.set("Device", b)
		}
	}
	return tree{out}
}
