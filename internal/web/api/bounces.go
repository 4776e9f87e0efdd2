package api

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/bounce"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
)

// Media types of reports about emails, besides JSON.
const (
	mediaMessage = "message/rfc822"
	mediaText    = "text/plain" // how Amazon SNS sends its JSON
)

// Bounces takes the reports of mail systems and services about emails. All fields are required.
type Bounces struct {
	Receiver *bounce.Receiver
	Log      *slog.Logger
}

// Report takes one report. The same report again changes nothing.
func (b *Bounces) Report(c echo.Context) error {
	var got bounce.Result
	var err error
	ctx, body := c.Request().Context(), request.StateOf(c).Body
	switch media, _ := request.MediaType(c.Request()); media {
	case mediaMessage:
		got, err = b.Receiver.Message(ctx, bytes.NewReader(body))
	case request.MediaJSON, mediaText:
		got, err = b.Receiver.Notification(ctx, body)
	default:
		return request.MediaProblem(c.Request())
	}
	if errors.Is(err, bounce.ErrUnreadable) {
		return problem.New(problem.ReportUnreadable)
	}
	if err != nil {
		return err
	}
	if ofAmazon(got.Confirm) {
		b.Log.WarnContext(ctx, "Amazon SNS wants to report bounces here: open this address to allow it",
			slog.String("open", got.Confirm))
	}
	return respond.JSON(c, http.StatusOK, struct {
		Reports int `json:"reports"`
		Ours    int `json:"ours"`
	}{got.Reports, got.Ours})
}

// ofAmazon reports whether an address is one that an operator may be told to open.
func ofAmazon(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.User == nil && u.Port() == "" &&
		strings.HasSuffix(strings.ToLower(u.Host), ".amazonaws.com")
}
