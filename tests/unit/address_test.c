/* SPDX-License-Identifier: MIT
 * Client addresses: only a trusted proxy's word counts, and only as far back as trust reaches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "common/base/obj.h"
#include "gateway/address.h"

static char error[200];

static struct address_list *
parse(const char *text)
{
	struct address_list *list = address_list_parse(text, error, sizeof error);
	assert_non_null(list);
	return list;
}

static void
networks_hold_their_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *network, *address;
		bool inside;
	} cases[] = {{"10.0.0.0/8", "10.255.0.1", true},
	             {"10.0.0.0/8", "11.0.0.1", false},
	             {"192.0.2.1", "192.0.2.1", true},
	             {"192.0.2.1", "192.0.2.2", false},
	             {"192.0.2.128/25", "192.0.2.127", false},
	             {"192.0.2.128/25", "192.0.2.200", true},
	             {"0.0.0.0/0", "203.0.113.9", true},
	             {"0.0.0.0/0", "2001:db8::1", false},
	             {"2001:db8::/33", "2001:db8:7fff::1", true},
	             {"2001:db8::/33", "2001:db8:8000::1", false},
	             {"::/0", "10.0.0.1", true},
	             {"10.0.0.0/8", "::ffff:10.1.2.3", true},
	             {"unix", "unix", true},
	             {"10.0.0.0/8", "unix", false},
	             {"", "127.0.0.1", false},
	             {"10.0.0.0/8", "no address", false},
	             {"1.2.3.4,\t10.0.0.0/8", "10.0.0.1", true}};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct address_list *list = parse(cases[i].network);
		assert_int_equal(address_list_has(list, cases[i].address), cases[i].inside);
		address_list_free(&list);
	}
}

static void
malformed_networks_are_named(void **state)
{
	(void)state;
	static const char *const cases[] = {"10.0.0.0/33", "10.0.0/8",  "2001:db8::/129",
	                                    "10.0.0.0/",   "proxy",     "10.0.0.0/8x",
	                                    "10.0.0.0/-1", "1.2.3.4,x", "10.0.0.0/0008"};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_null(address_list_parse(cases[i], error, sizeof error));
		assert_true(strlen(error) > 0);
	}
}

static void
sockets_are_matched_too(void **state)
{
	(void)state;
	struct address_list *list = parse("10.0.0.0/8, 2001:db8::/32, unix");
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr file = {.sa_family = AF_UNIX};
	inet_pton(AF_INET, "10.2.3.4", &v4.sin_addr);
	assert_true(address_list_has_socket(list, (struct sockaddr *)&v4));
	inet_pton(AF_INET, "11.2.3.4", &v4.sin_addr);
	assert_false(address_list_has_socket(list, (struct sockaddr *)&v4));
	inet_pton(AF_INET6, "2001:db8:1::1", &v6.sin6_addr);
	assert_true(address_list_has_socket(list, (struct sockaddr *)&v6));
	inet_pton(AF_INET6, "::ffff:10.9.9.9", &v6.sin6_addr);
	assert_true(address_list_has_socket(list, (struct sockaddr *)&v6));
	assert_true(address_list_has_socket(list, &file));
	address_list_free(&list);
}

static void
the_last_untrusted_address_is_the_client(void **state)
{
	(void)state;
	static const struct {
		const char *peer, *forwarded, *client;
	} cases[] = {
	    {"203.0.113.9", "1.1.1.1", "203.0.113.9"}, /* not a proxy: not believed */
	    {"10.0.0.1", NULL, "10.0.0.1"},
	    {"10.0.0.1", "203.0.113.9", "203.0.113.9"},
	    {"10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"},
	    {"10.0.0.1", "6.6.6.6,203.0.113.9 , 10.0.0.2", "203.0.113.9"},
	    {"10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
	    {"10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"},
	    {"10.0.0.1", "nonsense, 203.0.113.9", "203.0.113.9"},
	    {"10.0.0.1", "", "10.0.0.1"},
	    {"10.0.0.1", ",", "10.0.0.1"},
	    {"10.0.0.1", "203.0.113.9:4711", "203.0.113.9"},
	    {"10.0.0.1", "2001:db8::7", "2001:db8::7"},
	    {"10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"},
	};
	struct address_list *list = parse("10.0.0.0/8");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char client[ADDRESS_SIZE];
		address_client(list, cases[i].peer, cases[i].forwarded, client);
		assert_string_equal(client, cases[i].client);
	}
	address_list_free(&list);
	assert_null(list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(networks_hold_their_addresses),
	    cmocka_unit_test(malformed_networks_are_named),
	    cmocka_unit_test(sockets_are_matched_too),
	    cmocka_unit_test(the_last_untrusted_address_is_the_client),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
