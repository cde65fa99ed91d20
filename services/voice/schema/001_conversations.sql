-- Conversations with the tutor: their text; speech is not kept. Times are milliseconds since 1970,
-- UTC.
CREATE TABLE conversation (
  id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  user_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  title VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  turns INT UNSIGNED NOT NULL,
  KEY by_user (user_id, updated_at, id)
) ENGINE=InnoDB;

-- Ids are made in the order of the turns.
CREATE TABLE turn (
  conversation_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  transcript TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  reply TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  stt VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NULL,
  chat VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  tts VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (conversation_id, id)
) ENGINE=InnoDB;

-- Users who were erased: what is still on its way for them is refused.
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
