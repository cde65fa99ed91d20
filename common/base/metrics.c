/* SPDX-License-Identifier: MIT
 * The registry of metrics: one list, in which the metrics of a family stand together. It only
 * grows; its lock is never taken to update a metric. */
#include "common/base/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/obj.h"

#define METRIC_FIRST_BUCKET_US 64

static pthread_mutex_t metrics_lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric *metrics_first;

static bool
metric_same_labels(const struct metric *a, const struct metric *b)
{
	const char *of_a = a->labels != NULL ? a->labels : "";
	const char *of_b = b->labels != NULL ? b->labels : "";
	return strcmp(of_a, of_b) == 0;
}

/* Adds it behind the last of its family. Returns it, or the one of the same name and labels that
 * is there already. */
static struct metric *
metric_enter(struct metric *metric)
{
	struct metric **at = &metrics_first;
	struct metric *same = NULL;
	pthread_mutex_lock(&metrics_lock);
	while (*at != NULL && strcmp((*at)->name, metric->name) != 0)
		at = &(*at)->next;
	while (*at != NULL && same == NULL && strcmp((*at)->name, metric->name) == 0) {
		assert((*at)->type == metric->type);
		if (metric_same_labels(*at, metric))
			same = *at;
		at = &(*at)->next;
	}
	if (same == NULL) {
		metric->next = *at;
		*at = metric;
		same = metric;
	}
	pthread_mutex_unlock(&metrics_lock);
	return same;
}

void
metric_register(struct metric *metric)
{
	struct metric *entered = metric_enter(metric);
	assert(entered == metric);
}

static void
metric_free(struct metric *metric)
{
	if (metric == NULL)
		return;
	free((char *)metric->name);
	free((char *)metric->labels);
	free((char *)metric->help);
	free(metric);
}

struct metric *
metric_new(enum metric_type type, const char *name, const char *help, const char *labels_format,
           ...)
{
	struct metric *metric = calloc(1, sizeof *metric);
	if (metric == NULL)
		return NULL;
	metric->type = type;
	metric->name = strdup(name);
	metric->help = strdup(help);
	if (labels_format != NULL) {
		va_list args;
		char *labels = NULL;
		va_start(args, labels_format);
		if (vasprintf(&labels, labels_format, args) < 0)
			labels = NULL;
		va_end(args);
		metric->labels = labels;
	}
	if (metric->name == NULL || metric->help == NULL ||
	    (labels_format != NULL && metric->labels == NULL)) {
		metric_free(metric);
		return NULL;
	}
	struct metric *entered = metric_enter(metric);
	if (entered != metric)
		metric_free(metric);
	return entered;
}

void
metric_add(struct metric *metric, int64_t delta)
{
	atomic_fetch_add_explicit(&metric->value, delta, memory_order_relaxed);
}

void
metric_set(struct metric *metric, int64_t value)
{
	atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

/* The first bucket whose bound is not below; METRIC_BUCKETS if none. */
static int
metric_bucket(uint64_t elapsed_us)
{
	if (elapsed_us <= METRIC_FIRST_BUCKET_US)
		return 0;
	int bucket = 64 - __builtin_clzll((elapsed_us - 1) / METRIC_FIRST_BUCKET_US);
	return bucket < METRIC_BUCKETS ? bucket : METRIC_BUCKETS;
}

void
metric_observe_us(struct metric *metric, uint64_t elapsed_us)
{
	int bucket = metric_bucket(elapsed_us);
	if (bucket < METRIC_BUCKETS)
		atomic_fetch_add_explicit(&metric->buckets[bucket], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&metric->sum_us, elapsed_us, memory_order_relaxed);
	atomic_fetch_add_explicit(&metric->count, 1, memory_order_relaxed);
}

static void
metric_write_seconds(struct buf *out, uint64_t us)
{
	buf_printf(out, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
}

/* name_suffix{labels} */
static void
metric_write_name(struct buf *out, const struct metric *metric, const char *suffix)
{
	buf_puts(out, metric->name);
	buf_puts(out, suffix);
	if (metric->labels != NULL && metric->labels[0] != '\0')
		buf_printf(out, "{%s}", metric->labels);
	buf_putc(out, ' ');
}

static void
metric_write_histogram(struct buf *out, struct metric *metric)
{
	const char *labels = metric->labels != NULL ? metric->labels : "";
	const char *comma = labels[0] != '\0' ? "," : "";
	uint64_t seen = 0;
	for (int i = 0; i < METRIC_BUCKETS; i++) {
		seen += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
		buf_printf(out, "%s_bucket{%s%sle=\"", metric->name, labels, comma);
		metric_write_seconds(out, (uint64_t)METRIC_FIRST_BUCKET_US << i);
		buf_printf(out, "\"} %" PRIu64 "\n", seen);
	}
	/* Observations go on while we read: the total may not be less than its parts. */
	uint64_t count = atomic_load_explicit(&metric->count, memory_order_relaxed);
	if (count < seen)
		count = seen;
	buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", metric->name, labels, comma,
	           count);
	metric_write_name(out, metric, "_sum");
	metric_write_seconds(out, atomic_load_explicit(&metric->sum_us, memory_order_relaxed));
	buf_putc(out, '\n');
	metric_write_name(out, metric, "_count");
	buf_printf(out, "%" PRIu64 "\n", count);
}

void
metrics_write(struct buf *out)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};
	const char *family = "";
	pthread_mutex_lock(&metrics_lock);
	for (struct metric *metric = metrics_first; metric != NULL; metric = metric->next) {
		if (strcmp(family, metric->name) != 0) {
			family = metric->name;
			buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family, metric->help,
			           family, types[metric->type]);
		}
		if (metric->type == METRIC_HISTOGRAM) {
			metric_write_histogram(out, metric);
			continue;
		}
		int64_t value = metric->read != NULL
		                    ? metric->read(metric->arg)
		                    : atomic_load_explicit(&metric->value, memory_order_relaxed);
		metric_write_name(out, metric, "");
		buf_printf(out, "%" PRId64 "\n", value);
	}
	pthread_mutex_unlock(&metrics_lock);
}
