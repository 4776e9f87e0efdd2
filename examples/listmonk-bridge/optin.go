package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// optin is the API of one site.
type optin struct {
	client *http.Client
	url    string // https://confirm.example/v1/sites/demo
	key    string
}

type subscription struct {
	Email    string
	Purposes []struct{ ID, State string }
}

// ask returns the current state of a subscription; known is false after it was erased.
func (o optin) ask(id string) (s subscription, known bool, err error) {
	req, err := http.NewRequest(http.MethodGet, o.url+"/subscriptions/"+url.PathEscape(id), nil)
	if err != nil {
		return s, false, err
	}
	req.Header.Set("Authorization", "Bearer "+o.key)
	resp, err := o.client.Do(req)
	if err != nil {
		return s, false, err
	}
	defer resp.Body.Close()
	var problem struct{ Code string }
	switch resp.StatusCode {
	case http.StatusOK:
		return s, true, json.NewDecoder(resp.Body).Decode(&s)
	case http.StatusNotFound: // the subscription is gone, not a wrong OPTIN_SITE_URL
		if json.NewDecoder(resp.Body).Decode(&problem) == nil && problem.Code == "subscription_unknown" {
			return s, false, nil
		}
	}
	return s, false, fmt.Errorf("optin answers %s; check OPTIN_SITE_URL and DEMO_API_KEY", resp.Status)
}
