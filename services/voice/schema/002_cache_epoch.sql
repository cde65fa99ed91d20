-- common/io/cache_epoch.h
CREATE TABLE cache_epoch (
  id TINYINT NOT NULL PRIMARY KEY,
  epoch BIGINT NOT NULL,
  redis_run_id VARCHAR(63) NOT NULL
) ENGINE=InnoDB;
INSERT INTO cache_epoch (id, epoch, redis_run_id) VALUES (1, 1, '');
