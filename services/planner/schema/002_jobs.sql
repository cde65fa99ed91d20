-- Jobs: every request for a plan, from the commit that accepts it on. Times are milliseconds since
-- 1970, UTC. Ids are made in the order of time, so the primary keys are in that order, too.

-- A planner process that runs jobs, as long as it is alive by this database's clock. `lost`: its
-- lease has ended and others take its jobs; whoever wakes up as such has lost them all.
CREATE TABLE replica (
  owner BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  boot_id BIGINT UNSIGNED NOT NULL,
  alive_until BIGINT NOT NULL,
  lost TINYINT UNSIGNED NOT NULL
) ENGINE=InnoDB;

-- status: queued 0, running 1, succeeded 2, failed 3, cancelled 4, as in planner.proto. Every write
-- of a running job names owner and attempt: a stale one matches no row. `request` is a packed
-- planner.JobRequest. An epoch is a run of days that belong together; the first `kept` of them came
-- from the epoch before. A plan has its job's id, so a job can make one only.
CREATE TABLE job (
  id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  user_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status TINYINT UNSIGNED NOT NULL,
  owner BIGINT UNSIGNED NOT NULL,
  attempt INT UNSIGNED NOT NULL,
  priority TINYINT UNSIGNED NOT NULL,
  round BIGINT UNSIGNED NOT NULL,
  run_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  started_at BIGINT NULL,
  finished_at BIGINT NULL,
  cancel_requested TINYINT UNSIGNED NOT NULL DEFAULT 0,
  epoch INT UNSIGNED NOT NULL,
  kept INT UNSIGNED NOT NULL DEFAULT 0,
  ai_ms INT UNSIGNED NOT NULL DEFAULT 0,
  failure VARCHAR(31) CHARACTER SET ascii COLLATE ascii_bin NULL,
  detail VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  idempotency_key VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
  request MEDIUMBLOB NOT NULL,
  KEY ready (status, priority, round, run_at, id),
  KEY by_user (user_id, created_at, id)
) ENGINE=InnoDB;

-- Each request to a provider that could be billed, written before it is sent. outcome: running 0,
-- answered 1, failed 2, cancelled 3, unknown 4 (its replica died). `reserved` tokens are taken from
-- the learner's `quota_day` and the installation's and the provider's `budget_day` (UTC) until the
-- outcome is known.
CREATE TABLE job_call (
  job_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  number INT UNSIGNED NOT NULL,
  attempt INT UNSIGNED NOT NULL,
  provider VARCHAR(31) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  model VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT NULL,
  outcome TINYINT UNSIGNED NOT NULL,
  why VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  quota_day INT NOT NULL,
  budget_day INT NOT NULL,
  reserved INT UNSIGNED NOT NULL,
  prompt_tokens INT UNSIGNED NOT NULL,
  completion_tokens INT UNSIGNED NOT NULL,
  PRIMARY KEY (job_id, number)
) ENGINE=InnoDB;

-- Days that have streamed in, with the items' final ids; numbers from 1. Those that were written
-- together are one row: delimited planner.PlanDays, and the last one's number.
CREATE TABLE job_day (
  job_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  epoch INT UNSIGNED NOT NULL,
  number INT UNSIGNED NOT NULL,
  day MEDIUMBLOB NOT NULL,
  PRIMARY KEY (job_id, epoch, number)
) ENGINE=InnoDB;

-- Tokens of a UTC day, reserved and spent: of the whole installation (scope '') and of a provider.
CREATE TABLE budget (
  scope VARCHAR(31) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  day INT NOT NULL,
  tokens BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (scope, day)
) ENGINE=InnoDB;
