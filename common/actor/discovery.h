/* SPDX-License-Identifier: MIT
 *
 * From the URLs of an actor to the addresses of its replicas. Names are resolved again every few
 * seconds, off the loop; each address becomes a URL of its own. When DNS fails the last good
 * addresses stay. A headless Kubernetes Service, or a list of addresses, is all this needs.
 */
#ifndef STUDYHALL_ACTOR_DISCOVERY_H
#define STUDYHALL_ACTOR_DISCOVERY_H

#include <stddef.h>

struct discovery;

#define DISCOVERY_PERIOD_MS 3000
/* A first lookup that is lost, while containers come and go, is repeated soon, this often. */
#define DISCOVERY_EAGER_MS 300
#define DISCOVERY_EAGER    8
#define DISCOVERY_MAX      64 /* replicas of one actor */

/* Called on the worker's loop or in its task whenever the set has changed: distinct URLs with
 * numeric addresses (or inproc://), valid during the call. */
typedef void discovery_fn(void *arg, const char *const *urls, size_t count);

/* On a worker's thread. `urls`: one or several, separated by commas: tcp://HOST:PORT,
 * tls+tcp://HOST:PORT, inproc://NAME. The first set may be reported before this returns. NULL with
 * a line in `error` when one is malformed. */
struct discovery *discovery_open(const char *urls, discovery_fn *changed, void *arg, char *error,
                                 size_t error_size);
/* No call comes after this. On the worker's thread. */
void discovery_close(struct discovery **discovery);

#endif
