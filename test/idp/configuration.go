// SPDX-License-Identifier: Apache-2.0

package idp

import "encoding/json"

// configuration is as much of Dex's configuration file as is needed (https://dexidp.io/docs/configuration/).
type configuration struct {
	Issuer        string      `json:"issuer"`
	Storage       kind        `json:"storage"`
	Web           web         `json:"web"`
	StaticClients []client    `json:"staticClients"`
	Connectors    []connector `json:"connectors"`
	Expiry        expiry      `json:"expiry"`
}

type kind struct {
	Type string `json:"type"`
}

type web struct {
	HTTP string `json:"http"`
}

type client struct {
	ID           string   `json:"id"`
	Secret       string   `json:"secret"`
	Name         string   `json:"name"`
	RedirectURIs []string `json:"redirectURIs"`
}

type connector struct {
	Type   string `json:"type"`
	ID     string `json:"id"`
	Name   string `json:"name"`
	Config crowd  `json:"config"`
}

type crowd struct {
	BaseURL                string `json:"baseURL"`
	ClientID               string `json:"clientID"`
	ClientSecret           string `json:"clientSecret"`
	UsernamePrompt         string `json:"usernamePrompt"`
	PreferredUsernameField string `json:"preferredUsernameField"`
}

type expiry struct {
	IDTokens string `json:"idTokens"`
}

// encodeConfiguration is the file for a provider that listens on this address. JSON is YAML.
func (p *Provider) encodeConfiguration(address string) ([]byte, error) {
	return json.MarshalIndent(configuration{
		Issuer:  p.issuer,
		Storage: kind{Type: "memory"},
		Web:     web{HTTP: address},
		StaticClients: []client{{
			ID:           p.clientID,
			Secret:       p.clientSecret,
			Name:         p.clientID,
			RedirectURIs: p.options.RedirectURIs,
		}},
		Connectors: []connector{{
			Type: "atlassian-crowd",
			ID:   "directory",
			Name: "Directory",
			Config: crowd{
				BaseURL:                p.directory.url,
				ClientID:               p.directory.client,
				ClientSecret:           p.directory.secret,
				UsernamePrompt:         "Username",
				PreferredUsernameField: "name",
			},
		}},
		Expiry: expiry{IDTokens: p.options.IDTokenLifetime.String()},
	}, "", "  ")
}
