-- The tables that twsip keeps in SQLite, with OpenSER's column names.  twsip makes them by itself when they are missing;
-- this script is for whoever makes them beforehand:  sqlite3 /var/lib/twsip/twsip.db < subscriber.sql
-- Keep the file readable for twsip's own user only: an HA1 is as good as a password.

CREATE TABLE version (
    table_name VARCHAR(32) NOT NULL UNIQUE,
    table_version INTEGER DEFAULT 0 NOT NULL
);

-- Who may register.  ha1 is MD5(username:domain:password), ha1b is MD5(username@domain:domain:password);
-- password stays empty.
CREATE TABLE subscriber (
    id INTEGER PRIMARY KEY NOT NULL,
    username VARCHAR(64) DEFAULT '' NOT NULL,
    domain VARCHAR(64) DEFAULT '' NOT NULL,
    password VARCHAR(64) DEFAULT '' NOT NULL,
    ha1 VARCHAR(128) DEFAULT '' NOT NULL,
    ha1b VARCHAR(128) DEFAULT '' NOT NULL,
    UNIQUE (username, domain)
);
INSERT INTO version (table_name, table_version) VALUES ('subscriber', 7);

-- Which users an auth id (username, in the realm domain) may be, one row each, itself included: read by
-- OwnIdentity(use_uri_table=UriTable(...)), and by nothing else.
CREATE TABLE uri (
    id INTEGER PRIMARY KEY NOT NULL,
    username VARCHAR(64) DEFAULT '' NOT NULL,
    domain VARCHAR(64) DEFAULT '' NOT NULL,
    uri_user VARCHAR(64) DEFAULT '' NOT NULL,
    last_modified TIMESTAMP DEFAULT '1900-01-01 00:00:01' NOT NULL,
    UNIQUE (username, domain, uri_user)
);
INSERT INTO version (table_name, table_version) VALUES ('uri', 1);

-- Bindings (RFC 3261 section 10).  expires and last_modified are POSIX seconds; twsip owns this table while it runs.
CREATE TABLE location (
    id INTEGER PRIMARY KEY NOT NULL,
    username VARCHAR(64) DEFAULT '' NOT NULL,
    domain VARCHAR(64) DEFAULT '' NOT NULL,
    contact VARCHAR(512) NOT NULL,
    received VARCHAR(128) DEFAULT '' NOT NULL,
    path VARCHAR(1024) DEFAULT '' NOT NULL,
    expires INTEGER NOT NULL,
    q FLOAT DEFAULT 1.0 NOT NULL,
    callid VARCHAR(255) NOT NULL,
    cseq INTEGER NOT NULL,
    last_modified INTEGER NOT NULL,
    user_agent VARCHAR(255) DEFAULT '' NOT NULL,
    instance VARCHAR(255) DEFAULT '' NOT NULL,
    reg_id INTEGER DEFAULT 0 NOT NULL,
    UNIQUE (username, domain, contact, instance, reg_id)
);
INSERT INTO version (table_name, table_version) VALUES ('location', 2001);
