/* SPDX-License-Identifier: MIT
 *
 * What the operator types: auth users list | disable | enable | set-password | reset-link | erase.
 */
#ifndef STUDYHALL_AUTH_COMMANDS_H
#define STUDYHALL_AUTH_COMMANDS_H

#include "common/service/service.h"

extern const struct service_command auth_commands[];
extern const size_t auth_command_count;

#endif
