-- Study plans. A day is its number since 1970-01-01; times are milliseconds since 1970, UTC.
-- `head` is a packed planner.Plan without items: what is only ever read as a whole. `version`
-- grows with every change of the plan or one of its items, and is what ETags show.
CREATE TABLE plan (
  id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  user_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version INT UNSIGNED NOT NULL,
  created_at BIGINT NOT NULL,
  start_day INT NOT NULL,
  end_day INT NOT NULL,
  exam_day INT NULL,
  head MEDIUMBLOB NOT NULL,
  KEY by_user (user_id, created_at, id)
) ENGINE=InnoDB;

-- Items of a plan. Ids are made in the order of the plan, so (day, id) is its order. Which topics
-- an item is about is what replanning needs; 0 topics: not known (the learner's own items).
CREATE TABLE item (
  plan_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  user_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version INT UNSIGNED NOT NULL,
  day INT NOT NULL,
  title VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  minutes SMALLINT UNSIGNED NOT NULL,
  kind TINYINT UNSIGNED NOT NULL,
  done_at BIGINT NULL,
  changed_at BIGINT NOT NULL,
  first_topic SMALLINT UNSIGNED NOT NULL,
  topic_count SMALLINT UNSIGNED NOT NULL,
  PRIMARY KEY (plan_id, id),
  KEY by_day (user_id, day, id)
) ENGINE=InnoDB;

-- What a learner has used up of a day (in their own time zone).
CREATE TABLE quota (
  user_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  day INT NOT NULL,
  plans INT UNSIGNED NOT NULL,
  tokens INT UNSIGNED NOT NULL,
  PRIMARY KEY (user_id, day),
  KEY age (day)
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
