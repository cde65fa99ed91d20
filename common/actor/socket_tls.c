/* SPDX-License-Identifier: MIT
 * Certificates, and what else the two kinds of socket have in common. */
#include "common/actor/socket_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *
socket_read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t space = 0;

	if (file == NULL || getdelim(&text, &space, '\0', file) < 0) {
		free(text);
		text = NULL;
	}
	if (file != NULL)
		fclose(file);
	return text;
}

nng_tls_config *
socket_tls(const struct tls_options *tls, nng_tls_mode mode, const char *server_name, char *error,
           size_t error_size)
{
	char *ca, *cert, *key;
	nng_tls_config *config = NULL;
	int rv;

	if (tls == NULL || tls->ca == NULL || tls->cert == NULL || tls->key == NULL) {
		snprintf(error, error_size,
		         "a tls+tcp:// URL needs ACTOR_TLS_CA, ACTOR_TLS_CERT and ACTOR_TLS_KEY");
		return NULL;
	}
	ca = socket_read_file(tls->ca);
	cert = socket_read_file(tls->cert);
	key = socket_read_file(tls->key);
	if (ca == NULL || cert == NULL || key == NULL) {
		snprintf(error, error_size, "%s cannot be read",
		         ca == NULL     ? "ACTOR_TLS_CA"
		         : cert == NULL ? "ACTOR_TLS_CERT"
		                        : "ACTOR_TLS_KEY");
		goto done;
	}
	if ((rv = nng_tls_config_alloc(&config, mode)) != 0 ||
	    (rv = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED)) != 0 ||
	    (rv = nng_tls_config_ca_chain(config, ca, NULL)) != 0 ||
	    (rv = nng_tls_config_own_cert(config, cert, key, NULL)) != 0 ||
	    (mode == NNG_TLS_MODE_CLIENT &&
	     (rv = nng_tls_config_server_name(config, server_name)) != 0)) {
		snprintf(error, error_size, "ACTOR_TLS_CA, _CERT, _KEY: %s", nng_strerror(rv));
		if (config != NULL)
			nng_tls_config_free(config);
		config = NULL;
	}
done:
	free(ca);
	free(cert);
	if (key != NULL)
		explicit_bzero(key, strlen(key));
	free(key);
	return config;
}

bool
socket_wants_tls(const char *url)
{
	return strncmp(url, "tls+", 4) == 0;
}

int
socket_set_message(nng_aio *aio, const void *bytes, size_t length)
{
	nng_msg *msg;

	if (nng_msg_alloc(&msg, 0) != 0)
		return -1;
	if (nng_msg_append(msg, bytes, length) != 0) {
		nng_msg_free(msg);
		return -1;
	}
	nng_aio_set_msg(aio, msg);
	return 0;
}

void
socket_aio_end(nng_aio *aio, bool stuck)
{
	if (aio == NULL)
		return;
	if (stuck)
		nng_aio_stop(aio);
	else
		nng_aio_wait(aio);
}
