/* SPDX-License-Identifier: MIT
 *
 * Counters, gauges and histograms in Prometheus' text format (version 0.0.4). Metrics are declared
 * as static objects and registered once; updating one is an atomic add and may happen on any
 * thread. Times are in seconds, as Prometheus asks; names end in _total, _seconds, _bytes.
 */
#ifndef STUDYHALL_BASE_METRICS_H
#define STUDYHALL_BASE_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

struct buf;

#define METRIC_BUCKETS 20

enum metric_type {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM
};

struct metric {
	const char *name;   /* "studyhall_rpc_calls_total" */
	const char *labels; /* "method=\"SignIn\"" or NULL */
	const char *help;
	enum metric_type type;
	_Atomic int64_t value;                    /* counter, gauge */
	_Atomic uint64_t buckets[METRIC_BUCKETS]; /* histogram: by powers of two, 64 us .. 33 s */
	_Atomic uint64_t sum_us;
	_Atomic uint64_t count;
	int64_t (*read)(void *arg); /* gauge computed when read; NULL: `value` counts */
	void *arg;
	struct metric *next; /* the registry's */
};

/* Adds a metric to the registry; the metric must stay valid. Same name with other labels is one
 * family; the same name and labels twice is a bug. Thread-safe. */
void metric_register(struct metric *metric);
/* A registered metric that lives as long as the process; strings are copied. If there is one of the
 * same name and labels, it is returned (a replica that comes back). NULL without memory. */
struct metric *metric_new(enum metric_type type, const char *name, const char *help,
                          const char *labels_format, ...) __attribute__((format(printf, 4, 5)));
void metric_add(struct metric *metric, int64_t delta);
void metric_set(struct metric *metric, int64_t value);
/* Histogram: one observation. */
void metric_observe_us(struct metric *metric, uint64_t elapsed_us);
/* All registered metrics, families together with # HELP and # TYPE. */
void metrics_write(struct buf *out);

#endif
