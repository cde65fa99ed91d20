/* SPDX-License-Identifier: MIT
 *
 * The admin port of a process: GET /healthz, /readyz (with each dependency) and /metrics. On
 * worker 0; from a task.
 */
#ifndef STUDYHALL_SERVICE_ADMIN_H
#define STUDYHALL_SERVICE_ADMIN_H

#include <stddef.h>

struct admin;
struct process;

/* NULL with a line in `error` when the address cannot be used. */
struct admin *admin_open(struct process *process, const char *address, char *error,
                         size_t error_size);
/* Drops what is connected and waits until it is gone. NULL inside is fine. */
void admin_close(struct admin **admin);

#endif
