package connect

import (
	"context"
	"net/url"
	"regexp"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

var microsoftTenant = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{2,100}$`)

// MicrosoftFields are those of an application that is registered in a Microsoft tenant.
func MicrosoftFields(api string) []Field {
	return []Field{
		{Name: "tenant", Label: "Directory (tenant) ID", Type: Text, Required: true},
		{Name: "clientId", Label: "Application (client) ID", Type: Text, Required: true},
		{Name: "clientSecret", Label: "Client secret", Type: Secret, Required: true, Help: "its value, not its ID"},
		{Name: "login", Label: "Sign-in address", Type: Text, Default: "https://login.microsoftonline.com", Help: "another one in national clouds, such as https://login.microsoftonline.us", Destination: true},
		{Name: "url", Label: "API address", Type: Text, Default: api, Help: "another one in national clouds", Destination: true},
	}
}

// Microsoft returns a fetcher that carries an application's token for the API at the field url.
func Microsoft(v Values, env Env, service string) (*Fetcher, error) {
	base, err := BaseURL(v["url"], "url")
	if err != nil {
		return nil, err
	}
	login, err := BaseURL(v["login"], "login")
	if err != nil {
		return nil, err
	}
	if !microsoftTenant.MatchString(v["tenant"]) {
		return nil, fault.Newf(fault.Invalid, "Directory (tenant) ID: the ID on the overview page of the registration, or a domain of the tenant").On("config.tenant")
	}
	tokens := NewTokens(func() oauth2.TokenSource {
		c := &clientcredentials.Config{
			ClientID: v["clientId"], ClientSecret: v["clientSecret"], TokenURL: login + "/" + url.PathEscape(v["tenant"]) + "/oauth2/v2.0/token", Scopes: []string{base + "/.default"},
			AuthStyle: oauth2.AuthStyleInParams,
		}
		return c.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, env.HTTP))
	})
	return &Fetcher{HTTP: env.HTTP, Now: env.Now, Service: service, Login: "client secret", Base: base, Sign: tokens.Sign, Renew: tokens.Renew}, nil
}
