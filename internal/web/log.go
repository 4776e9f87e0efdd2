package web

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
)

// logFiles handle /log/: the consent log as anybody may read it (C2SP tlog-tiles). It names nobody.
type logFiles struct{ appender *consentlog.Appender } // nil: there is no log

// published returns the log, if this process has the one that the store knows. Otherwise another process has it: 503.
func (l *logFiles) published() (*consentlog.Log, error) {
	if l.appender == nil {
		return nil, problem.New(problem.NotFound)
	}
	switch is := l.appender.Status(); {
	case is.Other:
		return nil, fmt.Errorf("%w: this process has another consent log than the store knows", store.ErrUnavailable)
	case is.Elsewhere:
		return nil, fmt.Errorf("%w: another process has the consent log", store.ErrUnavailable)
	}
	return l.appender.To, nil
}

// checkpoint responds with the signed head.
func (l *logFiles) checkpoint(c echo.Context) error {
	log, err := l.published()
	if err != nil {
		return err
	}
	text, err := log.Checkpoint()
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: the consent log has no checkpoint yet", store.ErrUnavailable)
	}
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "public, max-age=1")
	return l.write(c, "text/plain; charset=utf-8", text)
}

// tile responds with hashes or entries, which never change.
func (l *logFiles) tile(c echo.Context) error {
	if _, err := request.ParseQuery(c); err != nil {
		return err
	}
	log, err := l.published()
	if err != nil {
		return err
	}
	data, err := log.Tile(c.Param("*"))
	if errors.Is(err, fs.ErrNotExist) {
		return problem.New(problem.NotFound)
	}
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, cacheForever)
	return l.write(c, "application/octet-stream", data)
}

func (l *logFiles) write(c echo.Context, media string, b []byte) error {
	c.Response().Header().Set(echo.HeaderAccessControlAllowOrigin, "*")
	return respond.Bytes(c, http.StatusOK, media, b)
}
