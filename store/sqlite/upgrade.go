package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// upgrade makes the schema that of this program, once no other process writes. A process that dies meanwhile leaves the file
// as it was.
func upgrade(ctx context.Context, db *sql.DB) error {
	return whenFree(ctx, func() error { return upgradeOnce(ctx, db) })
}

func upgradeOnce(ctx context.Context, db *sql.DB) error {
	have, err := schemaOf(ctx, db)
	if err != nil || have >= version {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after the commit this does nothing
	// Asked again: another process may have done it meanwhile.
	if have, err = schemaOf(ctx, tx); err != nil || have >= version {
		return err
	}
	if err := climb(ctx, tx, have); err != nil {
		return err
	}
	return tx.Commit()
}

// climb goes all steps from the version that the file has; 0: it is empty.
func climb(ctx context.Context, tx *sql.Tx, have int) error {
	steps := steps()
	for _, step := range steps[have:] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
	return err
}

// schemaOf is the version of the file's schema.
func schemaOf(ctx context.Context, asked interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) (have int, err error) {
	err = asked.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have)
	return have, err
}
