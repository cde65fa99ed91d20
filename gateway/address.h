/* SPDX-License-Identifier: MIT
 *
 * Who the client is, behind the proxies we trust. Pure after address_list_parse(); any thread.
 */
#ifndef STUDYHALL_GATEWAY_ADDRESS_H
#define STUDYHALL_GATEWAY_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ADDRESS_SIZE 64 /* an address as text, and NUL */

/* Networks: "10.0.0.0/8, 2001:db8::/32, 192.0.2.1, unix" (unix: whoever connects by a socket
 * file). */
struct address_list;

/* NULL with one line in `error`. An empty or NULL text is an empty list. */
struct address_list *address_list_parse(const char *text, char *error, size_t error_size);
void address_list_free(struct address_list **list);
/* IPv4 in IPv6 (::ffff:a.b.c.d) counts as IPv4. */
bool address_list_has(const struct address_list *list, const char *address);
bool address_list_has_socket(const struct address_list *list, const struct sockaddr *address);

/* The client's address: the peer's, or if that is a trusted proxy, the last address of
 * X-Forwarded-For that is none. `forwarded` may be NULL. Always a plain address ("unix" for a
 * socket file), written to `out`. */
void address_client(const struct address_list *proxies, const char *peer, const char *forwarded,
                    char out[ADDRESS_SIZE]);

#endif
