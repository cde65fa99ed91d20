/* SPDX-License-Identifier: MIT
 *
 * What the operator types: `planner jobs ...`.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_COMMANDS_H
#define STUDYHALL_PLANNER_JOBS_JOB_COMMANDS_H

#include "common/service/service.h"

extern const struct service_command job_commands[];
extern const size_t job_command_count;

#endif
