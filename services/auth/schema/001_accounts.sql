-- Accounts and sessions. Times are milliseconds since 1970, UTC.
CREATE TABLE account (
  id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  email VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  -- Case-folded, which may make it three times as long.
  email_folded VARCHAR(762) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  locale VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  time_zone VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  password VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at BIGINT NOT NULL,
  disabled_at BIGINT NULL,
  UNIQUE KEY email_folded (email_folded)
) ENGINE=InnoDB;

-- Of the token only its SHA-256 is kept.
CREATE TABLE session (
  id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  user_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  token_digest VARCHAR(43) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  user_agent VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  UNIQUE KEY token_digest (token_digest),
  KEY by_user (user_id, created_at, id),
  KEY by_expiry (expires_at)
) ENGINE=InnoDB;

-- Where an account has been signed in to before: such an address keeps its own allowance.
CREATE TABLE known_address (
  user_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  address VARCHAR(52) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  last_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, address),
  KEY by_age (last_at)
) ENGINE=InnoDB;

CREATE TABLE password_reset (
  token_digest VARCHAR(43) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  user_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  expires_at BIGINT NOT NULL,
  KEY by_user (user_id),
  KEY by_expiry (expires_at)
) ENGINE=InnoDB;

-- common/service/outbox.h
CREATE TABLE outbox (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  actor VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  method VARCHAR(127) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  body MEDIUMBLOB NOT NULL,
  not_before BIGINT NOT NULL,
  attempts INT UNSIGNED NOT NULL DEFAULT 0,
  KEY lane (actor, not_before, id)
) ENGINE=InnoDB;

-- common/io/cache_epoch.h
CREATE TABLE cache_epoch (
  id TINYINT NOT NULL PRIMARY KEY,
  epoch BIGINT NOT NULL,
  redis_run_id VARCHAR(63) NOT NULL
) ENGINE=InnoDB;
INSERT INTO cache_epoch (id, epoch, redis_run_id) VALUES (1, 1, '');
