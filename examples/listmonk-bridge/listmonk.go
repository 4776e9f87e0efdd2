package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// listmonk is its HTTP API: https://listmonk.app/docs/apis/subscribers/, as of version 6.
type listmonk struct {
	client           *http.Client
	url, user, token string
}

// add puts a person on lists as confirmed: they have confirmed already, and get no second email asking for it. The id
// at optin is stored with them, to find them by after their address was erased.
func (l listmonk) add(email, id string, lists []int) error {
	attribs := map[string]any{"optin_id": id}
	status, err := l.call(http.MethodPost, "/api/subscribers", map[string]any{
		"email": email, "name": email, "status": "enabled", "lists": lists, "attribs": attribs,
		"preconfirm_subscriptions": true,
	}, nil)
	if status != http.StatusConflict {
		return err
	}
	who, err := l.find("subscribers.email = " + quote(strings.ToLower(email))) // as listmonk stores addresses
	if err != nil {
		return err
	}
	if who == 0 {
		return fmt.Errorf("listmonk has the address and does not show it: its user needs subscribers:get_all and " +
			"subscribers:sql_query")
	}
	path, change := fmt.Sprintf("/api/subscribers/%d", who), map[string]any{"attribs": attribs}
	if _, err := l.call(http.MethodPatch, path, change, nil); err != nil {
		return err
	}
	_, err = l.call(http.MethodPut, "/api/subscribers/lists", map[string]any{
		"ids": []int{who}, "action": "add", "target_list_ids": lists, "status": "confirmed",
	}, nil)
	return err
}

// take unsubscribes a person from lists, or removes them. It does nothing for a person who was never there.
func (l listmonk) take(id, action string, lists map[int]bool) error {
	if len(lists) == 0 {
		return nil
	}
	who, err := l.find("subscribers.attribs->>'optin_id' = " + quote(id))
	if err != nil || who == 0 {
		return err
	}
	targets := []int{}
	for list := range lists {
		targets = append(targets, list)
	}
	_, err = l.call(http.MethodPut, "/api/subscribers/lists", map[string]any{
		"ids": []int{who}, "action": action, "target_list_ids": targets,
	}, nil)
	return err
}

// find returns the number of the one subscriber that an SQL expression is true for, or 0.
func (l listmonk) find(where string) (int, error) {
	var answer struct {
		Data struct{ Results []struct{ ID int } }
	}
	_, err := l.call(http.MethodGet, "/api/subscribers?"+url.Values{"query": {where}, "per_page": {"1"}}.Encode(), nil,
		&answer)
	if err != nil || len(answer.Data.Results) == 0 {
		return 0, err
	}
	return answer.Data.Results[0].ID, nil
}

// quote quotes a string for SQL; addresses may contain apostrophes.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// call sends JSON and decodes the response. It returns the status even with an error.
func (l listmonk) call(method, path string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, l.url+path, body)
	if err != nil {
		return 0, err
	}
	req.SetBasicAuth(l.user, l.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := l.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("listmonk cannot be reached") // the error itself would contain the address
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, fmt.Errorf("listmonk answers %s to a %s", resp.Status, method)
	}
	if out == nil {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.NewDecoder(resp.Body).Decode(out)
}
