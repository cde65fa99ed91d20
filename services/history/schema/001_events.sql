-- What happened to whom. Times are milliseconds since 1970, UTC. The table is kept in the order in
-- which it is read: one user's events by time. An event that was undone keeps its row, for its
-- version, at at_ms = 0, below everything that is shown.
CREATE TABLE event (
  user_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  at_ms BIGINT NOT NULL,
  id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version INT UNSIGNED NOT NULL,
  type TINYINT UNSIGNED NOT NULL,
  subject VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  minutes INT UNSIGNED NULL,
  note VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  ref VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
  PRIMARY KEY (user_id, at_ms, id),
  UNIQUE KEY identity (user_id, id),
  KEY by_type (user_id, type, at_ms, id),
  KEY by_subject (user_id, subject, at_ms, id),
  -- All that a summary reads.
  KEY summary (user_id, at_ms, type, minutes, subject)
) ENGINE=InnoDB;

-- Users who were erased: what is still on its way about them is dropped.
CREATE TABLE erased_user (
  user_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  erased_at BIGINT NOT NULL
) ENGINE=InnoDB;

-- common/service/idempotency.h
CREATE TABLE idempotency (
  user_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  route VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  idempotency_key VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  fingerprint VARCHAR(43) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at BIGINT NOT NULL,
  owner BIGINT UNSIGNED NOT NULL,
  alive_until BIGINT NOT NULL,
  failure BLOB NULL,
  answer MEDIUMBLOB NULL,
  PRIMARY KEY (user_id, route, idempotency_key),
  KEY age (created_at),
  KEY owner (owner)
) ENGINE=InnoDB;

-- common/io/cache_epoch.h
CREATE TABLE cache_epoch (
  id TINYINT NOT NULL PRIMARY KEY,
  epoch BIGINT NOT NULL,
  redis_run_id VARCHAR(63) NOT NULL
) ENGINE=InnoDB;
INSERT INTO cache_epoch (id, epoch, redis_run_id) VALUES (1, 1, '');
