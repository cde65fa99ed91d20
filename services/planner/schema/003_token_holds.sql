-- Tokens that another service's call of a provider may take (the tutor's), reserved before the call
-- goes out: taken from the learner's `quota_day`, and from the installation's and the provider's
-- `budget_day` (UTC). `mark` is that service's name for the call. Without used tokens (NULL) it is
-- not known how the call ended, and what was reserved counts as spent.
CREATE TABLE token_hold (
  user_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  mark VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  provider VARCHAR(31) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  quota_day INT NOT NULL,
  budget_day INT NOT NULL,
  reserved INT UNSIGNED NOT NULL,
  prompt_tokens INT UNSIGNED NULL,
  completion_tokens INT UNSIGNED NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, mark),
  KEY age (created_at)
) ENGINE=InnoDB;
