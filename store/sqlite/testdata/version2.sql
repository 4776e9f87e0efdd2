PRAGMA application_id = 1869640809;
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE cells (
	name  TEXT PRIMARY KEY,
	value BLOB,
	until INTEGER NOT NULL               -- from then on it is not kept
) STRICT;
INSERT INTO "cells" VALUES('name',X'6D696E65',1778054889011);
CREATE TABLE counts (
	site TEXT NOT NULL,
	day  TEXT NOT NULL,                  -- UTC, as 2006-01-02
	name TEXT NOT NULL,
	n    INTEGER NOT NULL,
	PRIMARY KEY (site, day, name)
) STRICT, WITHOUT ROWID;
INSERT INTO "counts" VALUES('gazette','2026-05-06','signup',4);
CREATE TABLE entries (
	seq    INTEGER PRIMARY KEY,          -- the order of arrival
	id     TEXT NOT NULL UNIQUE,
	kind   TEXT NOT NULL,
	site   TEXT NOT NULL,
	record TEXT NOT NULL,
	body   BLOB,
	due    INTEGER NOT NULL,             -- as it was owed, or given back
	hidden INTEGER,                      -- until when nobody may lease it; NULL: dead
	tries  INTEGER NOT NULL DEFAULT 0,
	leased INTEGER NOT NULL DEFAULT 0    -- 1 from a lease until it is settled
, died INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "entries" VALUES(1,'letter-a','letter','gazette','record_000000000000000',X'626F6479206F662061',1778051289001,NULL,1,0,1778051289005000);
INSERT INTO "entries" VALUES(2,'letter-b','letter','gazette','record_000000000000001',X'626F6479206F662062',1778051289002,NULL,1,0,1778051289006000);
INSERT INTO "entries" VALUES(3,'letter-c','letter','gazette','record_000000000000002',X'626F6479206F662063',1778051289003,1778051349007,1,1,0);
INSERT INTO "entries" VALUES(4,'letter-d','letter','gazette','record_000000000000003',X'626F6479206F662064',1778054889004,1778054889004,0,0,0);
CREATE TABLE ready (one INTEGER PRIMARY KEY, asked INTEGER NOT NULL) STRICT;
INSERT INTO "ready" VALUES(1,0);
CREATE TABLE records (
	site    TEXT NOT NULL,
	id      TEXT NOT NULL,
	version TEXT NOT NULL,
	state   TEXT NOT NULL,
	created INTEGER NOT NULL,
	expires INTEGER,                     -- NULL: never
	data    BLOB,
	PRIMARY KEY (site, id)
) STRICT;
INSERT INTO "records" VALUES('gazette','record_000000000000000','27ZPICYYJBDSIWJON5KKZ2EEHW','pending',1778051289001,NULL,X'7365616C65642061');
INSERT INTO "records" VALUES('gazette','record_000000000000001','LGPUQM54UAR43YF53SZT3PMJ7T','pending',1778051289002,NULL,X'7365616C65642062');
INSERT INTO "records" VALUES('gazette','record_000000000000002','LWJUYZ7KGPQPNEAXRGTIZOK6VN','pending',1778051289003,NULL,X'7365616C65642063');
INSERT INTO "records" VALUES('gazette','record_000000000000003','KBUXTAZPAC3HRKODOZ72JEKWQO','pending',1778051289004,NULL,X'7365616C65642064');
CREATE TABLE takes (
	bucket TEXT NOT NULL,
	seq    INTEGER NOT NULL,             -- 1 more than the take before; never older than that
	at     INTEGER NOT NULL,
	gone   INTEGER NOT NULL,             -- from when it counts for no limit
	taker  TEXT,                         -- who takes once; NULL: anybody
	PRIMARY KEY (bucket, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO "takes" VALUES('bucket',1,1778051289008000000,1778054889008000000,'letter-a');
INSERT INTO "takes" VALUES('bucket',2,1778051289009000000,1778054889009000000,NULL);
INSERT INTO "takes" VALUES('bucket',3,1778051289010000000,1778054889010000000,'letter-b');
INSERT INTO "takes" VALUES('bucket',4,1778051289011000000,1778054889011000000,'letter-c');
CREATE TABLE texts (sum TEXT PRIMARY KEY, text BLOB) STRICT;
INSERT INTO "texts" VALUES('982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1',X'74657874');
CREATE INDEX records_newest  ON records (site, created, id);
CREATE INDEX records_state   ON records (site, state, created, id);
CREATE INDEX records_expires ON records (expires) WHERE expires IS NOT NULL;
CREATE INDEX entries_hidden ON entries (kind, hidden, seq) WHERE hidden IS NOT NULL;
CREATE INDEX takes_gone ON takes (gone);
CREATE INDEX cells_until ON cells (until);
CREATE INDEX entries_parked ON entries (kind, died, seq) WHERE hidden IS NULL;
COMMIT;
